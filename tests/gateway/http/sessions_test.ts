import assert from "node:assert/strict";
import { waitUntil } from "../../e2e/wait.ts";
import { EventReader, HttpFixture, request } from "./http_fixture.ts";
import { NameAuthenticator } from "./name_authenticator.ts";

const bearer = (name: string) => ({ authorization: `Bearer ${name}` });

Deno.test("a session belongs to the agent that opened it", async (t) => {
  const authenticator = new NameAuthenticator();
  await using fixture = await HttpFixture.open({ authenticator });
  const session = await fixture.initialize(bearer("one"));

  await t.step("[http.credential] the agent of a session is that of its credential", () => {
    assert.equal(fixture.gatewaySessions[0]?.agent, "agent-one");
  });

  await t.step("[http.credential] a request without a credential is refused", async () => {
    const response = await fixture.send("POST", request("initialize"));
    assert.equal(response.status, 401);
    assert.equal(response.headers.get("www-authenticate"), 'Bearer realm="x"');
    assert.equal(response.headers.get("retry-after"), "3");
    assert.equal((await response.json()).error.message, "Who are you?");
  });

  await t.step(
    "[http.stolen-session] a session does not exist for another credential",
    async () => {
      for (const method of ["POST", "GET", "DELETE"]) {
        const body = method === "POST" ? request("echo") : undefined;
        const response = await fixture.send(method, body, { ...session.headers, ...bearer("two") });
        assert.equal(response.status, 404, method);
        await response.body?.cancel();
      }
      const response = await session.post(request("echo"));
      assert.equal(response.status, 200);
      await response.text();
    },
  );

  await t.step(
    "[http.credential-end] a session and its streams end with its credential",
    async () => {
      const otherSession = await fixture.initialize(bearer("two"));
      const reader = new EventReader(await session.get());
      const call = session.post(request("wait", "w"));
      await waitUntil("the call arrives", () => fixture.gatewaySessions[0]?.heldCalls.length === 1);
      authenticator.removedNames.add("one");
      fixture.service.endInvalidClients();
      assert.deepEqual(await reader.remainingMessages(), []);
      assert.equal((await call).status, 404);
      await (await call).text();
      assert.equal(fixture.gatewaySessions[0]?.hasDisconnected, true);
      const response = await otherSession.post(request("echo"));
      assert.equal(response.status, 200);
      await response.text();
    },
  );

  await t.step(
    "[http.metadata] the service serves the metadata of the protected resource",
    async () => {
      const url = new URL("/.well-known/oauth-protected-resource/mcp", fixture.url);
      const metadata = await (await fetch(url)).json();
      assert.deepEqual(metadata, { resource: fixture.url });
    },
  );
});

Deno.test("the number and lifetime of sessions are limited", async (t) => {
  await t.step("[http.idle] an unused session ends, one with an open stream does not", async () => {
    await using fixture = await HttpFixture.open({ settings: { sessionIdleS: 1 } });
    const [idleSession, listeningSession] = [
      await fixture.initialize(),
      await fixture.initialize(),
    ];
    const reader = new EventReader(await listeningSession.get());
    await waitUntil(
      "the unused session ends",
      () => fixture.gatewaySessions[0]?.hasDisconnected === true,
    );
    assert.equal(await idleSession.delete(), 404);
    assert.equal(fixture.gatewaySessions[1]?.hasDisconnected, false);
    await reader.cancel();
  });

  await t.step("[http.max-age] every session ends at its maximum age", async () => {
    await using fixture = await HttpFixture.open({ settings: { sessionMaxS: 1 } });
    const session = await fixture.initialize();
    const reader = new EventReader(await session.get());
    assert.deepEqual(await reader.remainingMessages(), []);
    assert.equal(fixture.gatewaySessions[0]?.hasDisconnected, true);
  });

  await t.step(
    "[http.session-ceiling] sessions beyond the maximum are refused with Retry-After",
    async () => {
      await using fixture = await HttpFixture.open({ settings: { maxSessions: 2 } });
      const firstSession = await fixture.initialize();
      await fixture.initialize();
      const response = await fixture.send("POST", request("initialize"));
      assert.equal(response.status, 503);
      assert.match(response.headers.get("retry-after") ?? "", /^\d+$/);
      await response.text();
      await firstSession.delete();
      await fixture.initialize();
    },
  );

  await t.step("[http.session-share] one agent cannot use up all sessions", async () => {
    await using fixture = await HttpFixture.open({
      settings: { maxSessions: 4 },
      authenticator: new NameAuthenticator(),
    });
    const openSession = async (name: string) => {
      const response = await fixture.send("POST", request("initialize"), bearer(name));
      await response.text();
      return response.status;
    };
    const findDisconnectedIndexes = () =>
      fixture.gatewaySessions.flatMap(({ hasDisconnected }, index) =>
        hasDisconnected ? [index] : []
      );
    const streams: EventReader[] = [];
    for (let number = 0; number < 4; number++) {
      const session = await fixture.initialize(bearer("greedy"));
      if (number !== 1) streams.push(new EventReader(await session.get()));
    }
    assert.equal(await openSession("greedy"), 503);
    assert.equal(await openSession("one"), 200);
    assert.deepEqual(
      findDisconnectedIndexes(),
      [1],
      "The session without a stream was not evicted first",
    );
    assert.equal(await openSession("one"), 200);
    assert.deepEqual(findDisconnectedIndexes(), [0, 1]);
    for (const name of ["one", "greedy"]) assert.equal(await openSession(name), 503, name);
    assert.equal(
      await openSession("two"),
      200,
      "An agent with two sessions did not lose one to an agent without sessions",
    );
    assert.equal(await openSession("two"), 503);
    for (const stream of streams) await stream.cancel();
  });

  await t.step(
    "[http.abandoned] new sessions replace unused ones, but none with an open stream",
    async () => {
      await using fixture = await HttpFixture.open({
        settings: { maxSessions: 100 },
        limits: { evictableAfterMs: 0 },
      });
      const listeningSession = await fixture.initialize();
      const reader = new EventReader(await listeningSession.get());
      for (let number = 0; number < 1000; number++) await fixture.initialize();
      assert.equal(
        fixture.gatewaySessions.filter(({ hasDisconnected }) => !hasDisconnected).length,
        100,
      );
      assert.equal(fixture.gatewaySessions[0]?.hasDisconnected, false);
      await reader.cancel();
    },
  );
});
