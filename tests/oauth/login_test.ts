import assert from "node:assert/strict";
import { LoginNeedsCaller } from "../../src/downstream/mod.ts";
import { createResultReply, FakeClient } from "../contract/fake_client.ts";
import { waitUntil } from "../e2e/wait.ts";
import { failure, follow, OAuthScene, send } from "./scene.ts";

const LINKS = { elicitation: { url: {} } };

Deno.test("[oauth.discovered] [oauth.browser] refused calls open the browser once", async () => {
  await using scene = new OAuthScene();
  const gateway = scene.gateway();
  const calls = Array.from({ length: 20 }, () => send(gateway, scene.server.url));
  assert.deepEqual(await Promise.all(calls), Array(20).fill(200));
  assert.equal(scene.opened.length, 1);
  assert.equal(scene.service.authorizations.length, 1);
  assert.deepEqual(scene.log.filter((line) => line.startsWith("Logged in")).length, 1);
  const [shown] = await waitUntil("the page is shown", () => {
    return scene.shown.length > 0 && scene.shown;
  });
  assert.match(shown ?? "", /Logged in to notes.*close this page/);
  // Another gateway of this user now needs no login.
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  assert.equal(scene.opened.length, 1);
});

Deno.test("[oauth.discovered] an eager start asks no one to log in; the next call does", async () => {
  await using scene = new OAuthScene();
  const gateway = scene.gateway();
  scene.waiting = undefined;
  const error = await failure(send(gateway, scene.server.url));
  assert.ok(error instanceof LoginNeedsCaller);
  assert.equal(error.code, "AUTH_REQUIRED");
  assert.deepEqual([scene.opened, scene.service.requests], [[], []]);
  scene.waiting = scene.client;
  assert.equal(await send(gateway, scene.server.url), 200);
});

Deno.test("[oauth.wait] [errors.auth-required] a call waits for a limited time, and the login continues", async () => {
  await using scene = new OAuthScene({ browser: "blind", waitMs: 100 });
  const gateway = scene.gateway();
  const { code, message, details } = await failure(send(gateway, scene.server.url));
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /^Server "notes" needs a login: .*open the link, or run the command/);
  assert.equal(details.command, "agent-mcp-gateway auth login notes");
  assert.match(details.url ?? "", /^http:\/\/127\.0\.0\.1:\d+\/authorize\?/);
  // Further calls get the same link.
  const again = await failure(send(gateway, scene.server.url));
  assert.equal(again.details.url, details.url);
  assert.match(await follow(details.url), /Logged in to notes/);
  assert.equal(await send(gateway, scene.server.url), 200);
  assert.equal(scene.service.authorizations.length, 1);
});

Deno.test("[oauth.wait] a call fails immediately if no browser can be opened", async () => {
  await using scene = new OAuthScene({ browser: "none", waitMs: 600_000 });
  const gateway = scene.gateway();
  const { details } = await failure(send(gateway, scene.server.url));
  assert.match(await follow(details.url), /Logged in to notes/);
  assert.equal(await send(gateway, scene.server.url), 200);
});

Deno.test("[oauth.wait] a cancelled call ends immediately, and a login after its timeout", async () => {
  await using scene = new OAuthScene({ browser: "blind", loginMs: 500 });
  const gateway = scene.gateway();
  const end = new AbortController();
  const call = send(gateway, scene.server.url, end.signal);
  await waitUntil("the login waits", () => scene.service.registrations.length === 1);
  end.abort(new Error("cancelled"));
  await assert.rejects(call, { message: "cancelled" });
  const { message } = await failure(send(gateway, scene.server.url));
  assert.match(message, /needs a login: nobody finished it within 1 s/);
});

Deno.test("[oauth.http-operator] over HTTP only the operator logs in", async () => {
  await using scene = new OAuthScene({ isInteractive: false });
  const { code, details, message } = await failure(send(scene.gateway(), scene.server.url));
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /operator/);
  assert.deepEqual(details, { command: "agent-mcp-gateway auth login notes" });
  assert.deepEqual([scene.opened, scene.service.requests], [[], []]);
});

Deno.test("[oauth.link] a client that shows links gets the link, and a notification at the end", async () => {
  await using scene = new OAuthScene();
  const client = new FakeClient("client-2", LINKS);
  scene.waiting = client;
  // The person finishes before the client has confirmed the request.
  const answers: Promise<unknown>[] = [];
  client.answer = ({ params }) => {
    const answer = follow(String(params.url)).then(() => createResultReply({ action: "accept" }));
    answers.push(answer);
    return answer;
  };
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  const asked = await client.received.take();
  assert.equal(asked.method, "elicitation/create");
  assert.equal(asked.params.mode, "url");
  assert.match(String(asked.params.message), /"notes" needs you to log in at 127\.0\.0\.1:\d+/);
  const { elicitationId } = asked.params;
  assert.match(String(elicitationId), /^[0-9a-f-]{36}$/);
  const done = await client.received.take();
  assert.equal(done.method, "notifications/elicitation/complete");
  assert.deepEqual(done.params, { elicitationId });
  await Promise.all(answers);
  assert.deepEqual(scene.opened, []);
});

Deno.test("[oauth.link] the client is notified when the login is complete", async () => {
  await using scene = new OAuthScene();
  const client = new FakeClient("client-2", LINKS);
  scene.waiting = client;
  const accepted = Promise.withResolvers<void>();
  client.answer = () => {
    accepted.resolve();
    return Promise.resolve(createResultReply({ action: "accept" }));
  };
  const call = send(scene.gateway(), scene.server.url);
  const asked = await client.received.take();
  await accepted.promise;
  await follow(String(asked.params.url));
  assert.equal(await call, 200);
  const { elicitationId } = asked.params;
  const done = await client.received.take(({ method }) => method !== "elicitation/create");
  assert.equal(done.method, "notifications/elicitation/complete");
  assert.deepEqual(done.params, { elicitationId });
});

Deno.test("[oauth.link] a person who declines ends the login, and is asked again later", async () => {
  await using scene = new OAuthScene();
  const gateway = scene.gateway();
  for (const action of ["decline", "cancel"]) {
    const client = new FakeClient(action, LINKS);
    const before = scene.server.authorizationHeaders.length;
    client.answer = async () => {
      // People are slower than requests: by then all three have been refused and are waiting.
      await waitUntil(
        "all were refused",
        () => scene.server.authorizationHeaders.length === before + 3,
      );
      await new Promise((resolve) => setTimeout(resolve, 50));
      return createResultReply({ action });
    };
    scene.waiting = client;
    const calls = [1, 2, 3].map(() => failure(send(gateway, scene.server.url)));
    for (const { code, message, details } of await Promise.all(calls)) {
      assert.equal(code, "AUTH_REQUIRED");
      assert.match(message, /the login was declined/);
      assert.deepEqual(details, { command: "agent-mcp-gateway auth login notes" });
    }
    assert.equal(
      client.received.all.filter(({ method }) => method === "elicitation/create").length,
      1,
    );
  }
  assert.deepEqual(scene.opened, []);
});

Deno.test("[oauth.link] if the client rejects the request itself, the browser is used", async () => {
  await using scene = new OAuthScene();
  const client = new FakeClient("client-2", LINKS);
  client.answer = () => {
    return Promise.resolve({
      ok: false,
      error: { code: -32601, message: "unknown" },
    } as unknown as Awaited<ReturnType<FakeClient["answer"]>>);
  };
  scene.waiting = client;
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  assert.equal(scene.opened.length, 1);
});

Deno.test("[oauth.checks] a denied login is reported, and the service's text is quoted as data", async () => {
  await using scene = new OAuthScene();
  scene.service.behaviour.loginError = "access_denied";
  scene.service.behaviour.redirectOverrides = {
    error_description: `No\n\u001b[2J <b>you</b> ${"x".repeat(900)}`,
  };
  const { code, message } = await failure(send(scene.gateway(), scene.server.url));
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /the login page answered "access_denied": "No \[2J <b>you<\/b> x+…"/);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(message, /[\x00-\x1f]/);
  assert.ok(message.length < 400);
  const shown = await waitUntil("the page is shown", () => scene.shown[0]);
  assert.match(shown, /Not logged in to notes/);
  assert.doesNotMatch(shown, /<b>you/);
  assert.deepEqual(scene.service.tokenRequests, []);
});

Deno.test("[oauth.checks] an answer with another state is refused, and the login keeps waiting", async () => {
  await using scene = new OAuthScene({ browser: "none" });
  const gateway = scene.gateway();
  const { details: { url = "" } } = await failure(send(gateway, scene.server.url));
  for (const state of ["forged", null]) {
    scene.service.behaviour.redirectOverrides = { state };
    assert.match(await follow(url), /belongs to another login/);
  }
  assert.deepEqual(scene.service.tokenRequests, []);
  scene.service.behaviour.redirectOverrides = {};
  assert.match(await follow(url), /Logged in to notes/);
  assert.equal(await send(gateway, scene.server.url), 200);
});

for (const [what, iss] of [["another", "https://evil.test"], ["no", null]] as const) {
  Deno.test(`[oauth.checks] an answer of ${what} issuer is refused`, async () => {
    await using scene = new OAuthScene();
    scene.service.behaviour.redirectOverrides = { iss, error_description: "believe me" };
    const { code, message } = await failure(send(scene.gateway(), scene.server.url));
    assert.equal(code, "AUTH_REQUIRED");
    assert.match(message, /came from a different authorization server/);
    assert.doesNotMatch(message, /believe/);
    assert.deepEqual(scene.service.tokenRequests, []);
  });
}

Deno.test("[oauth.checks] the final page of a login leaks nothing", async () => {
  await using scene = new OAuthScene({ browser: "none" });
  const { details: { url = "" } } = await failure(send(scene.gateway(), scene.server.url));
  const response = await fetch(url);
  await response.body?.cancel();
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal(response.headers.get("referrer-policy"), "no-referrer");
  assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);
});

Deno.test("[oauth.wait] closing the gateway cancels a login and closes its listener", async () => {
  await using scene = new OAuthScene({ browser: "blind" });
  const gateway = scene.gateway();
  const call = failure(send(gateway, scene.server.url));
  await waitUntil("the login waits", () => scene.service.registrations.length === 1);
  await gateway.close();
  assert.match((await call).message, /was cancelled/);
});

Deno.test("[oauth.checks] no one has to log in repeatedly for tokens that are refused", async () => {
  await using scene = new OAuthScene();
  const gateway = scene.gateway();
  const results: unknown[] = [];
  for (let time = 0; time < 6; time++) {
    // Several calls at a time, whose token is refused for all of them.
    const calls = [1, 2, 3].map(() => send(gateway, scene.server.url).catch((error) => error));
    results.push((await Promise.all(calls))[0]);
    scene.service.revokeLogins();
  }
  assert.equal(scene.opened.length, 2);
  assert.match(
    String(results.at(-1)),
    /refuses the token that its own authorization server has just issued/,
  );
});
