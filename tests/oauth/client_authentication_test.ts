import assert from "node:assert/strict";
import { createLog } from "../../src/log.ts";
import { logOut } from "../../src/downstream/mod.ts";
import {
  catchDownstreamError,
  OAuthFixture,
  type OAuthFixtureOptions,
  sendRequest,
} from "./oauth_fixture.ts";

/**
 * The methods in the metadata, the only method that is accepted, and the methods that the gateway tries,
 * in order.
 */
const METHODS: readonly (readonly [readonly string[] | undefined, "basic" | "post", string[]])[] = [
  [["client_secret_basic", "client_secret_post"], "post", ["basic", "post"]],
  [["client_secret_basic"], "post", ["basic", "post"]],
  [["client_secret_post"], "basic", ["post", "basic"]],
  [["private_key_jwt"], "post", ["basic", "post"]],
  [undefined, "post", ["basic", "post"]],
  [undefined, "basic", ["basic"]],
  [["client_secret_post"], "post", ["post"]],
];

for (const [listedMethods, requiredAuthentication, triedMethods] of METHODS) {
  const name = `${JSON.stringify(listedMethods)}, but only ${requiredAuthentication} is accepted`;
  const metadataOverrides = { token_endpoint_auth_methods_supported: listedMethods };

  Deno.test(`[oauth.client-authentication] a person can log in if the metadata lists ${name}`, async () => {
    await using fixture = createFixtureWithClient({
      clientId: "mine",
      clientSecret: "mine-secret",
    });
    const { behaviour } = fixture.authorizationServer;
    behaviour.metadataOverrides = metadataOverrides;
    behaviour.requiredAuthentication = requiredAuthentication;
    const auth = fixture.createAuth();
    assert.equal(await sendRequest(auth, fixture.server.url), 200);
    assert.deepEqual(fixture.authorizationServer.authenticationMethods, triedMethods);
    // The next gateways try the method that worked first, both to renew the tokens and to log in again.
    fixture.authorizationServer.revokeAccessTokens();
    assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
    fixture.authorizationServer.revokeLogins();
    assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
    assert.deepEqual(fixture.authorizationServer.authenticationMethods, [
      ...triedMethods,
      ...Array(3).fill(requiredAuthentication),
    ]);
    assert.deepEqual([fixture.authorizationServer.refreshCount, fixture.openedLinks.length], [
      2,
      2,
    ]);
  });

  Deno.test(`[oauth.client-authentication] the gateway gets tokens without a person if the metadata lists ${name}`, async () => {
    const oauth = { grant: "client_credentials", clientId: "mine", clientSecret: "mine-secret" };
    await using fixture = createFixtureWithClient(oauth as OAuthFixtureOptions["oauth"]);
    const { behaviour } = fixture.authorizationServer;
    behaviour.metadataOverrides = metadataOverrides;
    behaviour.requiredAuthentication = requiredAuthentication;
    const auth = fixture.createAuth();
    assert.equal(await sendRequest(auth, fixture.server.url), 200);
    assert.deepEqual(fixture.authorizationServer.authenticationMethods, triedMethods);
    fixture.authorizationServer.revokeAccessTokens();
    assert.equal(await sendRequest(auth, fixture.server.url), 200);
    assert.deepEqual(fixture.authorizationServer.authenticationMethods, [
      ...triedMethods,
      requiredAuthentication,
    ]);
  });
}

Deno.test("[oauth.client-authentication] if a method is refused at a renewal, the gateway tries the other method with the same client", async () => {
  await using fixture = new OAuthFixture();
  fixture.authorizationServer.behaviour.issuesSecrets = true;
  const auth = fixture.createAuth();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  assert.deepEqual(fixture.authorizationServer.authenticationMethods, ["post"]);
  fixture.authorizationServer.behaviour.requiredAuthentication = "basic";
  fixture.authorizationServer.revokeAccessTokens();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  assert.deepEqual(fixture.authorizationServer.authenticationMethods, ["post", "post", "basic"]);
  assert.deepEqual([fixture.openedLinks.length, fixture.authorizationServer.registrations.length], [
    1,
    1,
  ]);
  assert.equal(fixture.readStoredLogin().client.token_endpoint_auth_method, "client_secret_basic");
});

Deno.test("[oauth.client-authentication] if the authorization server has forgotten the client, the gateway registers again", async () => {
  await using fixture = new OAuthFixture();
  fixture.authorizationServer.behaviour.issuesSecrets = true;
  const auth = fixture.createAuth();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  fixture.authorizationServer.forgetClients();
  fixture.authorizationServer.revokeAccessTokens();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  assert.deepEqual(fixture.authorizationServer.authenticationMethods, [
    "post",
    "post",
    "basic",
    "post",
  ]);
  assert.equal(fixture.authorizationServer.registrations.length, 2);
});

Deno.test("[oauth.client-authentication] a wrong secret is sent once with each method, and the error names both", async () => {
  await using fixture = createFixtureWithClient({ clientId: "mine", clientSecret: "wrong-secret" });
  const { message } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.match(
    message,
    /refused to log in \(as client_secret_basic and as client_secret_post\), "invalid_client"/,
  );
  assert.deepEqual(fixture.authorizationServer.authenticationMethods, ["basic", "post"]);
});

Deno.test("[oauth.client-authentication] a code that is refused is not sent again", async () => {
  await using fixture = createFixtureWithClient({ clientId: "mine", clientSecret: "mine-secret" });
  fixture.authorizationServer.behaviour.tokenResponse = {
    status: 400,
    body: '{"error":"invalid_grant"}',
  };
  assert.match(
    (await catchDownstreamError(sendRequest(fixture.createAuth(), fixture.server.url))).message,
    /"invalid_grant"/,
  );
  assert.equal(fixture.authorizationServer.tokenRequests.length, 1);
});

Deno.test("[oauth.client-authentication] a client without a secret tries only the method none", async () => {
  await using fixture = createFixtureWithClient({ clientId: "mine" });
  const { message } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.match(message, /refused to log in, "invalid_client"/);
  assert.deepEqual(fixture.authorizationServer.authenticationMethods, ["none"]);
});

const SECRETS = ["a:b%c+d é", "pass密word", "~!*'()-._", "päß wörd&=?", "😀 \u0000\r\n", " "];

for (const requiredAuthentication of ["basic", "post"] as const) {
  for (const secret of SECRETS) {
    Deno.test(`[oauth.client-authentication] a secret is encoded for ${requiredAuthentication}: ${JSON.stringify(secret)}`, async () => {
      await using fixture = new OAuthFixture({
        oauth: { clientId: "my:id é", clientSecret: secret },
      });
      fixture.authorizationServer.addClient("my:id é", {
        redirectUris: ["http://127.0.0.1/callback"],
        secret,
      });
      fixture.authorizationServer.behaviour.requiredAuthentication = requiredAuthentication;
      assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
      assert.equal(
        fixture.authorizationServer.authenticationMethods.at(-1),
        requiredAuthentication,
      );
    });
  }
}

for (const method of ["client_secret_basic", "client_secret_post"]) {
  Deno.test(`[oauth.client-authentication] [oauth.no-secrets] an encoded secret in an error of the authorization server is redacted: ${method}`, async () => {
    const clientSecret = "canary ü:% secret";
    await using fixture = new OAuthFixture({ oauth: { clientId: "mine", clientSecret } });
    fixture.authorizationServer.addClient("mine", { redirectUris: ["http://127.0.0.1/callback"] });
    const refuseWithRequestText = async (request: Request): Promise<Response> => {
      const requestText = `${request.headers.get("authorization")} ${await request.text()}`;
      return Response.json({ error: "invalid_request", error_description: requestText }, {
        status: 400,
      });
    };
    fixture.authorizationServer.behaviour.metadataOverrides = {
      token_endpoint_auth_methods_supported: [method],
    };
    fixture.authorizationServer.behaviour.responses = { "POST /token": refuseWithRequestText };
    const { message } = await catchDownstreamError(
      sendRequest(fixture.createAuth(), fixture.server.url),
    );
    assert.match(message, /"invalid_request": ".*\[redacted\]/);
    const basicCredentials = btoa("mine:canary+%C3%BC%3A%25+secret");
    assert.ok(!message.includes("canary") && !message.includes(basicCredentials), message);
  });
}

Deno.test("[oauth.client-authentication] a logout authenticates the client with the method that worked before", async () => {
  await using fixture = createFixtureWithClient({ clientId: "mine", clientSecret: "mine-secret" });
  fixture.authorizationServer.behaviour.requiredAuthentication = "post";
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  const log = createLog({ level: "debug", write: (line) => fixture.logLines.push(line) });
  const { signal } = new AbortController();
  const outcome = await logOut(fixture.createConfig(), {
    log,
    folder: fixture.storeFolder,
    signal,
  });
  assert.deepEqual(outcome, { wasLoggedIn: true, revoked: "yes" });
  assert.deepEqual(fixture.authorizationServer.authenticationMethods, [
    "basic",
    "post",
    "post",
    "post",
  ]);
});

/** Creates a fixture whose authorization server has a client with a secret. */
function createFixtureWithClient(oauth: OAuthFixtureOptions["oauth"]): OAuthFixture {
  const fixture = new OAuthFixture(oauth === undefined ? {} : { oauth });
  fixture.authorizationServer.addClient("mine", {
    redirectUris: ["http://127.0.0.1/callback"],
    secret: "mine-secret",
  });
  return fixture;
}
