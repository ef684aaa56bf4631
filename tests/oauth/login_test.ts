import assert from "node:assert/strict";
import { LoginNeedsCaller } from "../../src/downstream/mod.ts";
import { createResultReply, FakeClient } from "../contract/fake_client.ts";
import { waitUntil } from "../e2e/wait.ts";
import { catchDownstreamError, followLink, OAuthFixture, sendRequest } from "./oauth_fixture.ts";

const URL_ELICITATION = { elicitation: { url: {} } };

Deno.test("[oauth.discovered] [oauth.browser] many refused calls open the browser once", async () => {
  await using fixture = new OAuthFixture();
  const auth = fixture.createAuth();
  const calls = Array.from({ length: 20 }, () => sendRequest(auth, fixture.server.url));
  assert.deepEqual(await Promise.all(calls), Array(20).fill(200));
  assert.equal(fixture.openedLinks.length, 1);
  assert.equal(fixture.authorizationServer.authorizationRequests.length, 1);
  assert.deepEqual(fixture.logLines.filter((line) => line.startsWith("Logged in")).length, 1);
  const [page] = await waitUntil("the page is shown", () => {
    return fixture.shownPages.length > 0 && fixture.shownPages;
  });
  assert.match(page ?? "", /Logged in to notes.*close this page/);
  // Another gateway of this user now needs no login.
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.equal(fixture.openedLinks.length, 1);
});

Deno.test("[oauth.discovered] a request for which no client waits starts no login; a later request of a client does", async () => {
  await using fixture = new OAuthFixture();
  const auth = fixture.createAuth();
  fixture.waitingClient = undefined;
  const error = await catchDownstreamError(sendRequest(auth, fixture.server.url));
  assert.ok(error instanceof LoginNeedsCaller);
  assert.equal(error.code, "AUTH_REQUIRED");
  assert.deepEqual([fixture.openedLinks, fixture.authorizationServer.requests], [[], []]);
  fixture.waitingClient = fixture.client;
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
});

Deno.test("[oauth.wait] [errors.auth-required] a call fails after the maximum wait, and the login continues", async () => {
  await using fixture = new OAuthFixture({ browser: "unattended", waitMs: 100 });
  const auth = fixture.createAuth();
  const { code, message, details } = await catchDownstreamError(
    sendRequest(auth, fixture.server.url),
  );
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /^Server "notes" needs a login: .*open the link, or run the command/);
  assert.equal(details.command, "agent-mcp-gateway auth login notes");
  assert.match(details.url ?? "", /^http:\/\/127\.0\.0\.1:\d+\/authorize\?/);
  // The next call gets the same link.
  const secondError = await catchDownstreamError(sendRequest(auth, fixture.server.url));
  assert.equal(secondError.details.url, details.url);
  assert.match(await followLink(details.url), /Logged in to notes/);
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  assert.equal(fixture.authorizationServer.authorizationRequests.length, 1);
});

Deno.test("[oauth.wait] a call fails immediately if no browser can be opened", async () => {
  await using fixture = new OAuthFixture({ browser: "none", waitMs: 600_000 });
  const auth = fixture.createAuth();
  const { details } = await catchDownstreamError(sendRequest(auth, fixture.server.url));
  assert.match(await followLink(details.url), /Logged in to notes/);
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
});

Deno.test("[oauth.wait] a cancelled call ends immediately; the login ends after its timeout", async () => {
  await using fixture = new OAuthFixture({ browser: "unattended", loginMs: 500 });
  const auth = fixture.createAuth();
  const cancellation = new AbortController();
  const call = sendRequest(auth, fixture.server.url, cancellation.signal);
  await waitUntil("the login waits", () => fixture.authorizationServer.registrations.length === 1);
  cancellation.abort(new Error("cancelled"));
  await assert.rejects(call, { message: "cancelled" });
  const { message } = await catchDownstreamError(sendRequest(auth, fixture.server.url));
  assert.match(message, /needs a login: nobody finished it within 1 s/);
});

Deno.test("[oauth.http-operator] a gateway that is not interactive starts no login, and refers to the operator", async () => {
  await using fixture = new OAuthFixture({ isInteractive: false });
  const { code, details, message } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /operator/);
  assert.deepEqual(details, { command: "agent-mcp-gateway auth login notes" });
  assert.deepEqual([fixture.openedLinks, fixture.authorizationServer.requests], [[], []]);
});

Deno.test("[oauth.link] a client that supports links gets the link, and a notification when the login is complete", async () => {
  await using fixture = new OAuthFixture();
  const client = new FakeClient("client-2", URL_ELICITATION);
  fixture.waitingClient = client;
  // The person logs in before the client confirms the request.
  const replies: Promise<unknown>[] = [];
  client.answer = ({ params }) => {
    const reply = followLink(String(params.url)).then(() =>
      createResultReply({ action: "accept" })
    );
    replies.push(reply);
    return reply;
  };
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  const request = await client.received.take();
  assert.equal(request.method, "elicitation/create");
  assert.equal(request.params.mode, "url");
  assert.match(String(request.params.message), /"notes" needs you to log in at 127\.0\.0\.1:\d+/);
  const { elicitationId } = request.params;
  assert.match(String(elicitationId), /^[0-9a-f-]{36}$/);
  const notification = await client.received.take();
  assert.equal(notification.method, "notifications/elicitation/complete");
  assert.deepEqual(notification.params, { elicitationId });
  await Promise.all(replies);
  assert.deepEqual(fixture.openedLinks, []);
});

Deno.test("[oauth.link] a client that accepts the link before the login is notified when the login is complete", async () => {
  await using fixture = new OAuthFixture();
  const client = new FakeClient("client-2", URL_ELICITATION);
  fixture.waitingClient = client;
  const accepted = Promise.withResolvers<void>();
  client.answer = () => {
    accepted.resolve();
    return Promise.resolve(createResultReply({ action: "accept" }));
  };
  const call = sendRequest(fixture.createAuth(), fixture.server.url);
  const request = await client.received.take();
  await accepted.promise;
  await followLink(String(request.params.url));
  assert.equal(await call, 200);
  const { elicitationId } = request.params;
  const notification = await client.received.take(({ method }) => method !== "elicitation/create");
  assert.equal(notification.method, "notifications/elicitation/complete");
  assert.deepEqual(notification.params, { elicitationId });
});

Deno.test("[oauth.link] a person who declines ends the login, and the next call prompts again", async () => {
  await using fixture = new OAuthFixture();
  const auth = fixture.createAuth();
  for (const action of ["decline", "cancel"]) {
    const client = new FakeClient(action, URL_ELICITATION);
    const previousCount = fixture.server.authorizationHeaders.length;
    client.answer = async () => {
      // The person declines only when all three calls have been refused and wait for the login.
      await waitUntil(
        "all calls are refused",
        () => fixture.server.authorizationHeaders.length === previousCount + 3,
      );
      await new Promise((resolve) => setTimeout(resolve, 50));
      return createResultReply({ action });
    };
    fixture.waitingClient = client;
    const calls = [1, 2, 3].map(() => catchDownstreamError(sendRequest(auth, fixture.server.url)));
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
  assert.deepEqual(fixture.openedLinks, []);
});

Deno.test("[oauth.link] if the client refuses the request, the browser opens", async () => {
  await using fixture = new OAuthFixture();
  const client = new FakeClient("client-2", URL_ELICITATION);
  client.answer = () => {
    return Promise.resolve({
      ok: false,
      error: { code: -32601, message: "unknown" },
    } as unknown as Awaited<ReturnType<FakeClient["answer"]>>);
  };
  fixture.waitingClient = client;
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.equal(fixture.openedLinks.length, 1);
});

Deno.test("[oauth.checks] a denied login is reported, and the text of the authorization server is quoted", async () => {
  await using fixture = new OAuthFixture();
  fixture.authorizationServer.behaviour.loginError = "access_denied";
  fixture.authorizationServer.behaviour.redirectOverrides = {
    error_description: `No\n\u001b[2J <b>you</b> ${"x".repeat(900)}`,
  };
  const { code, message } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /the login page answered "access_denied": "No\\n <b>you<\/b> x+…"/);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(message, /[\x00-\x1f]/);
  assert.ok(message.length < 400);
  const page = await waitUntil("the page is shown", () => fixture.shownPages[0]);
  assert.match(page, /Not logged in to notes/);
  assert.doesNotMatch(page, /<b>you/);
  assert.deepEqual(fixture.authorizationServer.tokenRequests, []);
});

Deno.test("[oauth.checks] a redirect with another state is refused, and the login continues", async () => {
  await using fixture = new OAuthFixture({ browser: "none" });
  const auth = fixture.createAuth();
  const { details: { url = "" } } = await catchDownstreamError(
    sendRequest(auth, fixture.server.url),
  );
  for (const state of ["forged", null]) {
    fixture.authorizationServer.behaviour.redirectOverrides = { state };
    assert.match(await followLink(url), /belongs to another login/);
  }
  assert.deepEqual(fixture.authorizationServer.tokenRequests, []);
  fixture.authorizationServer.behaviour.redirectOverrides = {};
  assert.match(await followLink(url), /Logged in to notes/);
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
});

for (const [description, iss] of [["another", "https://evil.test"], ["no", null]] as const) {
  Deno.test(`[oauth.checks] a redirect that names ${description} issuer is refused`, async () => {
    await using fixture = new OAuthFixture();
    fixture.authorizationServer.behaviour.redirectOverrides = {
      iss,
      error_description: "believe me",
    };
    const { code, message } = await catchDownstreamError(
      sendRequest(fixture.createAuth(), fixture.server.url),
    );
    assert.equal(code, "AUTH_REQUIRED");
    assert.match(message, /came from a different authorization server/);
    assert.doesNotMatch(message, /believe/);
    assert.deepEqual(fixture.authorizationServer.tokenRequests, []);
  });
}

Deno.test("[oauth.checks] the last page of a login is not cached and sends no referrer", async () => {
  await using fixture = new OAuthFixture({ browser: "none" });
  const { details: { url = "" } } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  const response = await fetch(url);
  await response.body?.cancel();
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal(response.headers.get("referrer-policy"), "no-referrer");
  assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);
});

Deno.test("[oauth.wait] closing the authorization cancels a login", async () => {
  await using fixture = new OAuthFixture({ browser: "unattended" });
  const auth = fixture.createAuth();
  const call = catchDownstreamError(sendRequest(auth, fixture.server.url));
  await waitUntil("the login waits", () => fixture.authorizationServer.registrations.length === 1);
  await auth.close();
  assert.match((await call).message, /was cancelled/);
});

Deno.test("[oauth.checks] after two logins whose tokens are refused, nobody is prompted again", async () => {
  await using fixture = new OAuthFixture();
  const auth = fixture.createAuth();
  const firstResults: unknown[] = [];
  for (let round = 0; round < 6; round++) {
    // The server refuses the token of several simultaneous calls.
    const calls = [1, 2, 3].map(() =>
      sendRequest(auth, fixture.server.url).catch((error) => error)
    );
    firstResults.push((await Promise.all(calls))[0]);
    fixture.authorizationServer.revokeLogins();
  }
  assert.equal(fixture.openedLinks.length, 2);
  assert.match(
    String(firstResults.at(-1)),
    /refuses the token that its own authorization server has just issued/,
  );
});

Deno.test("[interaction.login] a client that is asked with the answer gets the link at once, and its next call waits for the login", async () => {
  await using fixture = new OAuthFixture({ waitMs: 5000 });
  const client = new FakeClient("client-2", URL_ELICITATION);
  const relaying = Object.create(client.channel, {
    relaysInput: { value: true },
    supports: { value: () => true },
  });
  fixture.waitingClient = Object.assign(client, { channel: relaying });
  const auth = fixture.createAuth();
  const { code, details } = await catchDownstreamError(sendRequest(auth, fixture.server.url));
  assert.equal(code, "AUTH_REQUIRED");
  const next = sendRequest(auth, fixture.server.url);
  assert.match(await followLink(details.url), /Logged in to notes/);
  assert.equal(await next, 200);
  assert.deepEqual([fixture.openedLinks, client.received.all], [[], []]);
  assert.equal(fixture.authorizationServer.authorizationRequests.length, 1);
});
