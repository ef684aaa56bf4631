import assert from "node:assert/strict";
import { waitUntil } from "../e2e/wait.ts";
import { failure, type Kept, OAuthScene, send } from "./scene.ts";

/** Changes the stored tokens as if they had been issued that many seconds ago. */
function age(scene: OAuthScene, seconds: number): void {
  scene.keep((kept: Kept) => {
    const { tokens } = kept;
    const back = seconds * 1000;
    const { obtained_at, expires_at = 0 } = tokens;
    return {
      ...kept,
      tokens: { ...tokens, obtained_at: obtained_at - back, expires_at: expires_at - back },
    };
  });
}

/** A scene with a logged-in user, whose tokens are valid for an hour. */
async function loggedIn(): Promise<OAuthScene> {
  const scene = new OAuthScene();
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  return scene;
}

Deno.test("[oauth.renewal] tokens are renewed on use when a minute is left, not before", async () => {
  await using scene = await loggedIn();
  age(scene, 3600 - 90);
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  assert.equal(scene.service.refreshCount, 0);
  age(scene, 45);
  const { tokens: old } = scene.kept();
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  assert.equal(scene.service.refreshCount, 1);
  assert.notEqual(scene.kept().tokens.access_token, old.access_token);
  assert.notEqual(scene.kept().tokens.refresh_token, old.refresh_token);
  // The server never received the old token again.
  assert.equal(
    scene.server.authorizationHeaders.at(-1),
    `Bearer ${scene.kept().tokens.access_token}`,
  );
});

Deno.test("[oauth.renewal] a tenth of the lifetime is used if that is less than a minute", async () => {
  await using scene = new OAuthScene();
  scene.service.behaviour.tokenLifetimeS = 100;
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  age(scene, 85);
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  assert.equal(scene.service.refreshCount, 0);
  age(scene, 10);
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  assert.equal(scene.service.refreshCount, 1);
});

Deno.test("[oauth.renewal] the lifetime of a token begins when it is requested, not when it arrives", async () => {
  await using scene = new OAuthScene();
  const gate = Promise.withResolvers<void>();
  scene.service.behaviour.tokenGate = gate.promise;
  const call = send(scene.gateway(), scene.server.url);
  await waitUntil("tokens are requested", () => scene.service.requests.at(-1) === "POST /token");
  const now = Date.now();
  await waitUntil("the clock goes on", () => Date.now() > now);
  gate.resolve();
  assert.equal(await call, 200);
  const { obtained_at, expires_at } = scene.kept().tokens;
  assert.ok(obtained_at <= now);
  assert.equal(expires_at, obtained_at + 3_600_000);
});

Deno.test("[oauth.renewal] 20 calls with an expired token renew it once", async () => {
  await using scene = await loggedIn();
  age(scene, 7200);
  const gateway = scene.gateway();
  const calls = Array.from({ length: 20 }, () => send(gateway, scene.server.url));
  assert.deepEqual(await Promise.all(calls), Array(20).fill(200));
  assert.deepEqual([scene.service.refreshCount, scene.service.refreshTokenReuses], [1, 0]);
  assert.equal(scene.opened.length, 1);
});

Deno.test("[oauth.renewal] 20 calls whose token is refused renew it once", async () => {
  await using scene = await loggedIn();
  const gateway = scene.gateway();
  assert.equal(await send(gateway, scene.server.url), 200);
  scene.service.revokeAccessTokens();
  const calls = Array.from({ length: 20 }, () => send(gateway, scene.server.url));
  assert.deepEqual(await Promise.all(calls), Array(20).fill(200));
  assert.deepEqual([scene.service.refreshCount, scene.service.refreshTokenReuses], [1, 0]);
  assert.equal(scene.opened.length, 1);
});

Deno.test("[oauth.renewal] a cancelled call does not cancel the renewal for the others", async () => {
  await using scene = await loggedIn();
  age(scene, 7200);
  const gate = Promise.withResolvers<void>();
  scene.service.behaviour.tokenGate = gate.promise;
  const gateway = scene.gateway();
  const end = new AbortController();
  const first = send(gateway, scene.server.url, end.signal);
  const second = send(gateway, scene.server.url);
  await waitUntil("tokens are requested", () => scene.service.requests.at(-1) === "POST /token");
  end.abort(new Error("cancelled"));
  await assert.rejects(first, { message: "cancelled" });
  gate.resolve();
  assert.equal(await second, 200);
  assert.deepEqual([scene.service.refreshCount, scene.service.refreshTokenReuses], [1, 0]);
});

Deno.test("[oauth.renewal] tokens that another gateway has renewed are used", async () => {
  await using scene = await loggedIn();
  const [one, other] = [scene.gateway(), scene.gateway()];
  for (const gateway of [one, other]) assert.equal(await send(gateway, scene.server.url), 200);
  scene.service.revokeAccessTokens();
  assert.equal(await send(one, scene.server.url), 200);
  assert.equal(await send(other, scene.server.url), 200);
  assert.deepEqual([scene.service.refreshCount, scene.service.refreshTokenReuses], [1, 0]);
});

Deno.test("[oauth.renewal] a revoked login leads to another login", async () => {
  await using scene = await loggedIn();
  const gateway = scene.gateway();
  age(scene, 7200);
  scene.service.revokeLogins();
  assert.equal(await send(gateway, scene.server.url), 200);
  assert.equal(scene.opened.length, 2);
  assert.equal(scene.service.registrations.length, 1);
});

Deno.test("[oauth.renewal] a login of another gateway, or by the command, is found", async () => {
  await using scene = new OAuthScene({ browser: "none" });
  const [one, other] = [scene.gateway(), scene.gateway()];
  const { details: { url = "" } } = await failure(send(one, scene.server.url));
  await failure(send(other, scene.server.url));
  await (await fetch(url)).body?.cancel();
  assert.equal(await send(other, scene.server.url), 200);
  assert.equal(scene.service.tokenRequests.length, 1);
});

Deno.test("[oauth.renewal] after a logout in another process, the user is asked to log in", async () => {
  await using scene = await loggedIn();
  const gateway = scene.gateway();
  assert.equal(await send(gateway, scene.server.url), 200);
  scene.service.revokeAccessTokens();
  Deno.removeSync(scene.store, { recursive: true });
  assert.equal(await send(gateway, scene.server.url), 200);
  assert.deepEqual([scene.opened.length, scene.service.refreshCount], [2, 0]);
});

const NETWORK_FAILURES = [
  ["503", { status: 503, body: "later" }],
  ["500", { status: 500, body: '{"error":"invalid_grant"}' }],
  ["429", { status: 429, body: "" }],
  ["a portal's page", { status: 200, body: "<html>Welcome to the hotel</html>" }],
  ["a portal's refusal", { status: 403, body: "<html>no</html>" }],
  ["temporarily_unavailable", { status: 400, body: '{"error":"temporarily_unavailable"}' }],
] as const;

for (const [what, answer] of NETWORK_FAILURES) {
  Deno.test(`[oauth.network] a network failure is not a logout: ${what}`, async () => {
    await using scene = await loggedIn();
    age(scene, 7200);
    const { tokens } = scene.kept();
    const gateway = scene.gateway();
    scene.service.behaviour.tokenResponse = answer;
    const { code, message } = await failure(send(gateway, scene.server.url));
    assert.equal(code, "SERVER_UNAVAILABLE");
    assert.match(
      message,
      /Server "notes" is not available: its authorization server .*Nobody was logged out/,
    );
    assert.deepEqual(scene.kept().tokens, tokens);
    scene.service.behaviour.tokenResponse = undefined;
    assert.equal(await send(gateway, scene.server.url), 200);
    assert.equal(scene.opened.length, 1);
  });
}

Deno.test("[oauth.network] an unreachable authorization server is not a logout", async () => {
  await using scene = await loggedIn();
  age(scene, 7200);
  const { tokens } = scene.kept();
  await scene.service[Symbol.asyncDispose]();
  const { code, message } = await failure(send(scene.gateway(), scene.server.url));
  assert.equal(code, "SERVER_UNAVAILABLE");
  assert.match(message, /cannot be reached/);
  assert.doesNotMatch(message, /127\.0\.0\.1/);
  assert.deepEqual(scene.kept().tokens, tokens);
});

Deno.test("[oauth.network] a token that is still valid is used while it cannot be renewed", async () => {
  await using scene = await loggedIn();
  age(scene, 3590);
  scene.service.behaviour.tokenResponse = { status: 503, body: "" };
  const gateway = scene.gateway();
  for (let call = 0; call < 5; call++) {
    assert.equal(await send(gateway, scene.server.url), 200);
  }
  // And its service is not asked at each request.
  assert.equal(scene.service.refreshCount, 1);
});

Deno.test("[oauth.network] a request for tokens is never sent twice", async () => {
  await using scene = await loggedIn();
  age(scene, 7200);
  // Answers the first request and leaves the connection open; closes it at the next without an
  // answer.
  using rude = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let requests = 0;
  const serve = async (connection: Deno.TcpConn): Promise<void> => {
    using _connection = connection;
    while (await connection.read(new Uint8Array(4096)) !== null) {
      if (++requests > 1) return;
      const body = '{"access_token":"a","refresh_token":"b","token_type":"Bearer","expires_in":0}';
      const answer = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
      await connection.write(new TextEncoder().encode(answer));
    }
  };
  const serving = (async () => {
    const connections: Promise<void>[] = [];
    for await (const connection of rude) connections.push(serve(connection));
    await Promise.all(connections);
  })();
  scene.keep((kept) => {
    const token = `http://127.0.0.1:${rude.addr.port}/token`;
    return { ...kept, endpoints: { authorization: token, token } };
  });
  const gateway = scene.gateway();
  await gateway.headers(new AbortController().signal);
  assert.equal(requests, 1);
  const { code } = await failure(gateway.headers(new AbortController().signal));
  assert.equal(code, "SERVER_UNAVAILABLE");
  assert.equal(requests, 2);
  rude.close();
  await serving;
});

Deno.test("[oauth.processes] logins and logouts of another process take effect", async () => {
  await using scene = await loggedIn();
  const gateway = scene.gateway();
  const { signal } = new AbortController();
  assert.equal(await send(gateway, scene.server.url), 200);
  scene.keep((kept: Kept) => ({ ...kept, tokens: { ...kept.tokens, access_token: "another" } }));
  await waitUntil("the other login is used", async () => {
    return (await gateway.headers(signal)).authorization === "Bearer another";
  });
  for (const file of scene.files()) Deno.removeSync(`${scene.store}/${file}`);
  await waitUntil("nobody is logged in", async () => {
    return (await gateway.headers(signal)).authorization === undefined;
  });
});
