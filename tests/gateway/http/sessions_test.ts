import assert from "node:assert/strict";
import type { Authenticator, Credential } from "../../../src/gateway/http/mod.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { EventReader, HttpFixture, request } from "./http_fixture.ts";

/** An authenticator for which an agent's name is its token; agents can be removed. */
class Names implements Authenticator {
  readonly isConfigured = true;
  readonly gone = new Set<string>();

  authenticate({ authorization }: { authorization: string | null }) {
    const [, name = ""] = /^Bearer (.+)$/.exec(authorization ?? "") ?? [];
    if (name === "" || this.gone.has(name)) {
      const refused = { status: 401 as const, wwwAuthenticate: 'Bearer realm="x"', retryAfterS: 3 };
      return Promise.resolve({ kind: "refused" as const, message: "Who are you?", ...refused });
    }
    const credential: Credential = { id: name, agent: `agent-${name}` };
    return Promise.resolve({ kind: "credential" as const, credential });
  }

  isValid({ id }: Credential): boolean {
    return !this.gone.has(id);
  }

  metadata(origin: string) {
    return { resource: `${origin}/mcp` };
  }
}

const bearer = (name: string) => ({ authorization: `Bearer ${name}` });

Deno.test("a session belongs to the agent that opened it", async (t) => {
  const authenticator = new Names();
  await using fixture = await HttpFixture.open({ authenticator });
  const session = await fixture.initialize(bearer("one"));

  await t.step("[http.credential] the agent is that of the credential", () => {
    assert.equal(fixture.clients[0]?.agent, "agent-one");
  });

  await t.step("[http.credential] every request needs a credential", async () => {
    const response = await fixture.send("POST", request("initialize"));
    assert.equal(response.status, 401);
    assert.equal(response.headers.get("www-authenticate"), 'Bearer realm="x"');
    assert.equal(response.headers.get("retry-after"), "3");
    assert.equal((await response.json()).error.message, "Who are you?");
  });

  await t.step("[http.stolen-session] for another credential it does not exist", async () => {
    for (const method of ["POST", "GET", "DELETE"]) {
      const body = method === "POST" ? request("echo") : undefined;
      const response = await fixture.send(method, body, { ...session.headers, ...bearer("two") });
      assert.equal(response.status, 404, method);
      await response.body?.cancel();
    }
    const own = await session.post(request("echo"));
    assert.equal(own.status, 200);
    await own.text();
  });

  await t.step(
    "[http.credential-end] it ends with its credential, and so do its streams",
    async () => {
      const other = await fixture.initialize(bearer("two"));
      const [listening, calling] = [
        new EventReader(await session.get()),
        session.post(request("wait", "w")),
      ];
      await waitUntil("the call is there", () => fixture.clients[0]?.heldCalls.length === 1);
      authenticator.gone.add("one");
      fixture.service.endInvalidSessions();
      assert.deepEqual(await listening.remainingMessages(), []);
      assert.equal((await calling).status, 404);
      await (await calling).text();
      assert.equal(fixture.clients[0]?.hasDisconnected, true);
      const left = await other.post(request("echo"));
      assert.equal(left.status, 200);
      await left.text();
    },
  );

  await t.step("[http.metadata] the protected resource has metadata", async () => {
    const url = new URL("/.well-known/oauth-protected-resource/mcp", fixture.url);
    const metadata = await (await fetch(url)).json();
    assert.deepEqual(metadata, { resource: fixture.url });
  });
});

Deno.test("the number and lifetime of sessions are limited", async (t) => {
  await t.step("[http.idle] an unused session ends, one with an open stream does not", async () => {
    await using fixture = await HttpFixture.open({ settings: { sessionIdleS: 1 } });
    const [idle, used] = [await fixture.initialize(), await fixture.initialize()];
    const listening = new EventReader(await used.get());
    await waitUntil("it ends", () => fixture.clients[0]?.hasDisconnected === true);
    assert.equal(await idle.delete(), 404);
    assert.equal(fixture.clients[1]?.hasDisconnected, false);
    await listening.cancel();
  });

  await t.step("[http.max-age] every session ends at its maximum age", async () => {
    await using fixture = await HttpFixture.open({ settings: { sessionMaxS: 1 } });
    const session = await fixture.initialize();
    const listening = new EventReader(await session.get());
    assert.deepEqual(await listening.remainingMessages(), []);
    assert.equal(fixture.clients[0]?.hasDisconnected, true);
  });

  await t.step(
    "[http.session-ceiling] further sessions are refused, with the time to wait",
    async () => {
      await using fixture = await HttpFixture.open({ settings: { maxSessions: 2 } });
      const first = await fixture.initialize();
      await fixture.initialize();
      const response = await fixture.send("POST", request("initialize"));
      assert.equal(response.status, 503);
      assert.match(response.headers.get("retry-after") ?? "", /^\d+$/);
      await response.text();
      await first.delete();
      await fixture.initialize();
    },
  );

  await t.step("[http.session-share] one agent cannot use up all sessions", async () => {
    await using fixture = await HttpFixture.open({
      settings: { maxSessions: 4 },
      authenticator: new Names(),
    });
    const open = async (name: string) => {
      const response = await fixture.send("POST", request("initialize"), bearer(name));
      await response.text();
      return response.status;
    };
    const left = () =>
      fixture.clients.flatMap(({ hasDisconnected: hasLeft }, at) => hasLeft ? [at] : []);
    const streams: EventReader[] = [];
    for (let number = 0; number < 4; number++) {
      const session = await fixture.initialize(bearer("greedy"));
      if (number !== 1) streams.push(new EventReader(await session.get()));
    }
    assert.equal(await open("greedy"), 503);
    assert.equal(await open("one"), 200);
    assert.deepEqual(left(), [1], "the one that is not in use is the first to go");
    assert.equal(await open("one"), 200);
    assert.deepEqual(left(), [0, 1]);
    for (const name of ["one", "greedy"]) assert.equal(await open(name), 503, name);
    assert.equal(await open("two"), 200, "now both have more than one more would give it");
    assert.equal(await open("two"), 503);
    for (const stream of streams) await stream.cancel();
  });

  await t.step("[http.abandoned] an abandoned session is replaced", async () => {
    await using fixture = await HttpFixture.open({
      settings: { maxSessions: 100 },
      limits: { evictableAfterMs: 0 },
    });
    const kept = await fixture.initialize();
    const listening = new EventReader(await kept.get());
    for (let number = 0; number < 1000; number++) await fixture.initialize();
    assert.equal(fixture.clients.filter(({ hasDisconnected: hasLeft }) => !hasLeft).length, 100);
    assert.equal(fixture.clients[0]?.hasDisconnected, false);
    await listening.cancel();
  });
});
