import assert from "node:assert/strict";
import { waitUntil } from "../e2e/wait.ts";
import { SleepingClock } from "../sleeping_clock.ts";
import {
  catchDownstreamError,
  OAuthFixture,
  sendRequest,
  type StoredLoginJson,
} from "./oauth_fixture.ts";

/** Changes the stored tokens as if they had been issued earlier by a number of seconds. */
function ageStoredTokens(fixture: OAuthFixture, seconds: number): void {
  fixture.updateStoredLogin((login: StoredLoginJson) => {
    const { tokens } = login;
    const ageMs = seconds * 1000;
    const { obtained_at, expires_at = 0 } = tokens;
    return {
      ...login,
      tokens: { ...tokens, obtained_at: obtained_at - ageMs, expires_at: expires_at - ageMs },
    };
  });
}

/** Creates a fixture with a stored login, whose access token is valid for an hour. */
async function createLoggedInFixture(): Promise<OAuthFixture> {
  const fixture = new OAuthFixture();
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  return fixture;
}

Deno.test("[oauth.renewal] a request renews the token in the last minute of its lifetime, but not earlier", async () => {
  await using fixture = await createLoggedInFixture();
  ageStoredTokens(fixture, 3600 - 90);
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.equal(fixture.authorizationServer.refreshCount, 0);
  ageStoredTokens(fixture, 45);
  const { tokens: oldTokens } = fixture.readStoredLogin();
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.equal(fixture.authorizationServer.refreshCount, 1);
  assert.notEqual(fixture.readStoredLogin().tokens.access_token, oldTokens.access_token);
  assert.notEqual(fixture.readStoredLogin().tokens.refresh_token, oldTokens.refresh_token);
  // The server received the new token.
  assert.equal(
    fixture.server.authorizationHeaders.at(-1),
    `Bearer ${fixture.readStoredLogin().tokens.access_token}`,
  );
});

Deno.test("[oauth.renewal] a request renews a short-lived token in the last tenth of its lifetime", async () => {
  await using fixture = new OAuthFixture();
  fixture.authorizationServer.behaviour.tokenLifetimeS = 100;
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  ageStoredTokens(fixture, 85);
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.equal(fixture.authorizationServer.refreshCount, 0);
  ageStoredTokens(fixture, 10);
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.equal(fixture.authorizationServer.refreshCount, 1);
});

Deno.test("[oauth.renewal] the lifetime of a token begins when it is requested, not when it arrives", async () => {
  await using fixture = new OAuthFixture();
  const gate = Promise.withResolvers<void>();
  fixture.authorizationServer.behaviour.tokenGate = gate.promise;
  const call = sendRequest(fixture.createAuth(), fixture.server.url);
  await waitUntil(
    "tokens are requested",
    () => fixture.authorizationServer.requests.at(-1) === "POST /token",
  );
  const now = Date.now();
  await waitUntil("the time has changed", () => Date.now() > now);
  gate.resolve();
  assert.equal(await call, 200);
  const { obtained_at, expires_at } = fixture.readStoredLogin().tokens;
  assert.ok(obtained_at <= now);
  assert.equal(expires_at, obtained_at + 3_600_000);
});

Deno.test("[oauth.renewal] 20 simultaneous calls with an expired token renew it once", async () => {
  await using fixture = await createLoggedInFixture();
  ageStoredTokens(fixture, 7200);
  const auth = fixture.createAuth();
  const calls = Array.from({ length: 20 }, () => sendRequest(auth, fixture.server.url));
  assert.deepEqual(await Promise.all(calls), Array(20).fill(200));
  assert.deepEqual([
    fixture.authorizationServer.refreshCount,
    fixture.authorizationServer.refreshTokenReuses,
  ], [1, 0]);
  assert.equal(fixture.openedLinks.length, 1);
});

Deno.test("[oauth.renewal] 20 simultaneous calls with a refused token renew it once", async () => {
  await using fixture = await createLoggedInFixture();
  const auth = fixture.createAuth();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  fixture.authorizationServer.revokeAccessTokens();
  const calls = Array.from({ length: 20 }, () => sendRequest(auth, fixture.server.url));
  assert.deepEqual(await Promise.all(calls), Array(20).fill(200));
  assert.deepEqual([
    fixture.authorizationServer.refreshCount,
    fixture.authorizationServer.refreshTokenReuses,
  ], [1, 0]);
  assert.equal(fixture.openedLinks.length, 1);
});

Deno.test("[wake.tokens] a token that was renewed just before a sleep is renewed after it, without a login", async () => {
  using clock = new SleepingClock();
  await using fixture = new OAuthFixture();
  const { authorizationServer, server } = fixture;
  // The gateway does not know when the token expires.
  authorizationServer.behaviour.tokenLifetimeS = undefined;
  const auth = fixture.createAuth();
  assert.equal(await sendRequest(auth, server.url), 200);
  for (const renewals of [1, 2]) {
    clock.sleep(3_600_000);
    authorizationServer.revokeAccessTokens();
    assert.equal(await sendRequest(auth, server.url), 200);
    assert.equal(authorizationServer.refreshCount, renewals);
  }
  assert.equal(authorizationServer.authorizationRequests.length, 1, "one login");
});

Deno.test("[oauth.renewal] a cancelled call does not cancel the renewal for other calls", async () => {
  await using fixture = await createLoggedInFixture();
  ageStoredTokens(fixture, 7200);
  const gate = Promise.withResolvers<void>();
  fixture.authorizationServer.behaviour.tokenGate = gate.promise;
  const auth = fixture.createAuth();
  const cancellation = new AbortController();
  const cancelledCall = sendRequest(auth, fixture.server.url, cancellation.signal);
  const otherCall = sendRequest(auth, fixture.server.url);
  await waitUntil(
    "tokens are requested",
    () => fixture.authorizationServer.requests.at(-1) === "POST /token",
  );
  cancellation.abort(new Error("cancelled"));
  await assert.rejects(cancelledCall, { message: "cancelled" });
  gate.resolve();
  assert.equal(await otherCall, 200);
  assert.deepEqual([
    fixture.authorizationServer.refreshCount,
    fixture.authorizationServer.refreshTokenReuses,
  ], [1, 0]);
});

Deno.test("[oauth.renewal] tokens that another gateway has renewed are used", async () => {
  await using fixture = await createLoggedInFixture();
  const auths = [fixture.createAuth(), fixture.createAuth()];
  for (const auth of auths) assert.equal(await sendRequest(auth, fixture.server.url), 200);
  fixture.authorizationServer.revokeAccessTokens();
  for (const auth of auths) assert.equal(await sendRequest(auth, fixture.server.url), 200);
  assert.deepEqual([
    fixture.authorizationServer.refreshCount,
    fixture.authorizationServer.refreshTokenReuses,
  ], [1, 0]);
});

Deno.test("[oauth.renewal] after the login is revoked, the next call starts another login of the same client", async () => {
  await using fixture = await createLoggedInFixture();
  const auth = fixture.createAuth();
  ageStoredTokens(fixture, 7200);
  fixture.authorizationServer.revokeLogins();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  assert.equal(fixture.openedLinks.length, 2);
  assert.equal(fixture.authorizationServer.registrations.length, 1);
});

Deno.test("[oauth.renewal] a login in another gateway is used", async () => {
  await using fixture = new OAuthFixture({ browser: "none" });
  const [loginAuth, otherAuth] = [fixture.createAuth(), fixture.createAuth()];
  const { details: { url = "" } } = await catchDownstreamError(
    sendRequest(loginAuth, fixture.server.url),
  );
  await catchDownstreamError(sendRequest(otherAuth, fixture.server.url));
  await (await fetch(url)).body?.cancel();
  assert.equal(await sendRequest(otherAuth, fixture.server.url), 200);
  assert.equal(fixture.authorizationServer.tokenRequests.length, 1);
});

Deno.test("[oauth.renewal] after a logout in another process, a call prompts for a login", async () => {
  await using fixture = await createLoggedInFixture();
  const auth = fixture.createAuth();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  fixture.authorizationServer.revokeAccessTokens();
  Deno.removeSync(fixture.storeFolder, { recursive: true });
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  assert.deepEqual([fixture.openedLinks.length, fixture.authorizationServer.refreshCount], [2, 0]);
});

const NETWORK_FAILURES = [
  ["503", { status: 503, body: "later" }],
  ["500", { status: 500, body: '{"error":"invalid_grant"}' }],
  ["429", { status: 429, body: "" }],
  ["a captive portal's page", { status: 200, body: "<html>Welcome to the hotel</html>" }],
  ["a captive portal's refusal", { status: 403, body: "<html>no</html>" }],
  ["temporarily_unavailable", { status: 400, body: '{"error":"temporarily_unavailable"}' }],
] as const;

for (const [description, response] of NETWORK_FAILURES) {
  Deno.test(`[oauth.network] a network failure does not log out: ${description}`, async () => {
    await using fixture = await createLoggedInFixture();
    ageStoredTokens(fixture, 7200);
    const { tokens } = fixture.readStoredLogin();
    const auth = fixture.createAuth();
    fixture.authorizationServer.behaviour.tokenResponse = response;
    const { code, message } = await catchDownstreamError(sendRequest(auth, fixture.server.url));
    assert.equal(code, "SERVER_UNAVAILABLE");
    assert.match(
      message,
      /Server "notes" is not available: its authorization server .*Nobody was logged out/,
    );
    assert.deepEqual(fixture.readStoredLogin().tokens, tokens);
    fixture.authorizationServer.behaviour.tokenResponse = undefined;
    assert.equal(await sendRequest(auth, fixture.server.url), 200);
    assert.equal(fixture.openedLinks.length, 1);
  });
}

Deno.test("[oauth.network] an unreachable authorization server does not log out", async () => {
  await using fixture = await createLoggedInFixture();
  ageStoredTokens(fixture, 7200);
  const { tokens } = fixture.readStoredLogin();
  await fixture.authorizationServer[Symbol.asyncDispose]();
  const { code, message } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.equal(code, "SERVER_UNAVAILABLE");
  assert.match(message, /cannot be reached/);
  assert.doesNotMatch(message, /127\.0\.0\.1/);
  assert.deepEqual(fixture.readStoredLogin().tokens, tokens);
});

Deno.test("[oauth.network] a token that is still valid is used while it cannot be renewed", async () => {
  await using fixture = await createLoggedInFixture();
  ageStoredTokens(fixture, 3590);
  fixture.authorizationServer.behaviour.tokenResponse = { status: 503, body: "" };
  const auth = fixture.createAuth();
  for (let call = 0; call < 5; call++) {
    assert.equal(await sendRequest(auth, fixture.server.url), 200);
  }
  // Only the first request attempts the renewal.
  assert.equal(fixture.authorizationServer.refreshCount, 1);
});

Deno.test("[oauth.network] a request for tokens is never sent twice", async () => {
  await using fixture = await createLoggedInFixture();
  ageStoredTokens(fixture, 7200);
  // The authorization server answers the first request and keeps the connection open. At the second
  // request, it closes the connection without an answer.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let requestCount = 0;
  const serve = async (connection: Deno.TcpConn): Promise<void> => {
    using _connection = connection;
    while (await connection.read(new Uint8Array(4096)) !== null) {
      if (++requestCount > 1) return;
      const body = '{"access_token":"a","refresh_token":"b","token_type":"Bearer","expires_in":0}';
      const answer = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
      await connection.write(new TextEncoder().encode(answer));
    }
  };
  const serving = (async () => {
    const connections: Promise<void>[] = [];
    for await (const connection of listener) connections.push(serve(connection));
    await Promise.all(connections);
  })();
  fixture.updateStoredLogin((login) => {
    const token = `http://127.0.0.1:${listener.addr.port}/token`;
    return { ...login, endpoints: { authorization: token, token } };
  });
  const auth = fixture.createAuth();
  await auth.getHeaders(new AbortController().signal);
  assert.equal(requestCount, 1);
  const { code } = await catchDownstreamError(auth.getHeaders(new AbortController().signal));
  assert.equal(code, "SERVER_UNAVAILABLE");
  assert.equal(requestCount, 2);
  listener.close();
  await serving;
});

Deno.test("[oauth.processes] logins and logouts of another process take effect", async () => {
  await using fixture = await createLoggedInFixture();
  const auth = fixture.createAuth();
  const { signal } = new AbortController();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  fixture.updateStoredLogin((login: StoredLoginJson) => ({
    ...login,
    tokens: { ...login.tokens, access_token: "another" },
  }));
  await waitUntil("the other token is used", async () => {
    return (await auth.getHeaders(signal)).authorization === "Bearer another";
  });
  for (const file of fixture.listStoredFiles()) Deno.removeSync(`${fixture.storeFolder}/${file}`);
  await waitUntil("nobody is logged in", async () => {
    return (await auth.getHeaders(signal)).authorization === undefined;
  });
});
