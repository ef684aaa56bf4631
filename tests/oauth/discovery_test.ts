import assert from "node:assert/strict";
import { AuthorizationServer } from "../fixtures/oauth/authorization_server.ts";
import { catchDownstreamError, OAuthFixture, sendRequest } from "./oauth_fixture.ts";

for (const metadata of ["oauth", "openid"] as const) {
  for (const path of ["", "/tenant"]) {
    for (const resourceMetadata of ["named", "well-known"] as const) {
      const name = `${metadata} metadata at "${path}/", ${resourceMetadata} resource metadata`;
      Deno.test(`[oauth.discovery] an authorization server is found: ${name}`, async () => {
        await using fixture = new OAuthFixture();
        fixture.authorizationServer.behaviour.metadataLocation = metadata;
        fixture.authorizationServer.behaviour.issuerPath = path;
        fixture.server.metadataLocation = resourceMetadata;
        assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
        assert.equal(fixture.readStoredLogin().issuer, fixture.authorizationServer.issuer);
        // The login page and the token endpoint receive the resource (RFC 8707).
        const [authorization] = fixture.authorizationServer.authorizationRequests;
        const [token] = fixture.authorizationServer.tokenRequests;
        assert.equal(authorization?.get("resource"), fixture.server.url);
        assert.equal(token?.get("resource"), fixture.server.url);
      });
    }
  }
}

Deno.test("[oauth.discovery] a server without any metadata is reported with advice to configure its credentials", async () => {
  await using fixture = new OAuthFixture();
  fixture.server.metadataLocation = "none";
  const { message, details, code } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(
    message,
    /offers no login\. Put the credentials it needs, such as a key, into `headers`/,
  );
  assert.deepEqual(details, {});
});

Deno.test("[oauth.discovery] without resource metadata, the metadata at the server's own address is used", async () => {
  await using fixture = new OAuthFixture();
  const { server, authorizationServer } = fixture;
  server.metadataLocation = "none";
  server.authorizationServerMetadata = {
    issuer: server.origin,
    authorization_endpoint: `${authorizationServer.origin}/authorize`,
    token_endpoint: `${authorizationServer.origin}/token`,
    registration_endpoint: `${authorizationServer.origin}/register`,
    response_types_supported: ["code"],
  };
  authorizationServer.behaviour.redirectOverrides = { iss: null };
  assert.equal(await sendRequest(fixture.createAuth(), server.url), 200);
  assert.equal(fixture.readStoredLogin().issuer, server.origin);
  // Without resource metadata, the request names no resource.
  assert.equal(authorizationServer.authorizationRequests[0]?.get("resource"), null);
});

Deno.test("[oauth.discovery] a server that names another resource is refused", async () => {
  await using fixture = new OAuthFixture();
  fixture.server.resource = "https://other.test/mcp";
  const { message } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.match(
    message,
    /logins are for "https:\/\/other\.test\/mcp", which is not its own address/,
  );
  assert.deepEqual(fixture.authorizationServer.requests, []);
});

Deno.test("[oauth.checks] metadata that names another issuer is refused", async () => {
  await using fixture = new OAuthFixture();
  fixture.authorizationServer.behaviour.metadataOverrides = { issuer: "https://evil.test" };
  const { message } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.match(message, /different authorization server/);
  assert.deepEqual(fixture.authorizationServer.registrations, []);
});

for (
  const [key, purpose] of [
    ["authorization_endpoint", "login page"],
    ["token_endpoint", "token endpoint"],
    ["registration_endpoint", "registration endpoint"],
    ["revocation_endpoint", "revocation endpoint"],
  ] as const
) {
  Deno.test(`[oauth.addresses] metadata with an http address of another machine is refused: ${key}`, async () => {
    await using fixture = new OAuthFixture();
    fixture.authorizationServer.behaviour.metadataOverrides = {
      [key]: "http://login.test/endpoint",
    };
    const { code, message } = await catchDownstreamError(
      sendRequest(fixture.createAuth(), fixture.server.url),
    );
    assert.equal(code, "AUTH_REQUIRED");
    assert.match(message, new RegExp(`its ${purpose} http://login\\.test is not an https address`));
    assert.deepEqual([fixture.authorizationServer.registrations, fixture.openedLinks], [[], []]);
  });
}

Deno.test("[oauth.clients] a client is registered for this machine, without a secret", async () => {
  await using fixture = new OAuthFixture();
  await sendRequest(fixture.createAuth(), fixture.server.url);
  const [registration] = fixture.authorizationServer.registrations;
  assert.equal(registration?.client_name, "Agent MCP Gateway");
  assert.equal(registration?.token_endpoint_auth_method, "none");
  assert.equal(registration?.application_type, "native");
  assert.match(String(registration?.redirect_uris), /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
});

Deno.test("[oauth.clients] a client that was registered with a secret renews its tokens without a login", async () => {
  await using fixture = new OAuthFixture();
  fixture.authorizationServer.behaviour.issuesSecrets = true;
  const auth = fixture.createAuth();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  fixture.authorizationServer.revokeAccessTokens();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  assert.equal(fixture.authorizationServer.refreshCount, 1);
  assert.equal(fixture.openedLinks.length, 1);
});

Deno.test("[oauth.clients] the next login uses the same registered client", async () => {
  await using fixture = new OAuthFixture();
  await sendRequest(fixture.createAuth(), fixture.server.url);
  fixture.authorizationServer.revokeLogins();
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.equal(fixture.openedLinks.length, 2);
  assert.equal(fixture.authorizationServer.registrations.length, 1);
});

Deno.test("[oauth.clients] if the authorization server registers no clients, the message says what to do", async () => {
  await using fixture = new OAuthFixture();
  fixture.authorizationServer.behaviour.allowsRegistration = false;
  const { message, details } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.match(message, /does not register clients\. Register a client there by hand/);
  assert.deepEqual(details, {});
});

Deno.test("[oauth.clients] [servers.oauth] a configured client is used, with its port and scopes", async () => {
  const port = findFreePort();
  const oauth = {
    clientId: "mine",
    clientSecret: "my-secret-of-12",
    redirectPort: port,
    scopes: ["a", "b"],
  };
  await using fixture = new OAuthFixture({ oauth });
  const redirect = `http://127.0.0.1:${port}/callback`;
  fixture.authorizationServer.addClient("mine", {
    redirectUris: [redirect],
    secret: "my-secret-of-12",
  });
  fixture.server.challengeScope = "ignored";
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.deepEqual(fixture.authorizationServer.registrations, []);
  const [authorization] = fixture.authorizationServer.authorizationRequests;
  assert.equal(authorization?.get("redirect_uri"), redirect);
  assert.equal(authorization?.get("scope"), "a b");
  // The configured secret is not stored.
  assert.doesNotMatch(JSON.stringify(fixture.readStoredLogin()), /my-secret/);
});

Deno.test("[oauth.clients] a redirect port that is in use is reported", async () => {
  using occupied = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using fixture = new OAuthFixture({
    oauth: { clientId: "mine", redirectPort: occupied.addr.port },
  });
  const { message } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.match(message, /port \d+, .* is in use/);
});

Deno.test("[oauth.clients] a client metadata document needs no registration", async () => {
  const clientId = "https://client.test/metadata.json";
  await using fixture = new OAuthFixture({ oauth: { clientId } });
  fixture.authorizationServer.behaviour.acceptsClientDocuments = true;
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.deepEqual(fixture.authorizationServer.registrations, []);
  assert.equal(fixture.authorizationServer.tokenRequests[0]?.get("client_id"), clientId);
});

Deno.test("[oauth.clients] a client metadata document is not used if the authorization server does not support it", async () => {
  await using fixture = new OAuthFixture({
    oauth: { clientId: "https://client.test/metadata.json" },
  });
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.equal(fixture.authorizationServer.registrations.length, 1);
  // The registered client is reused.
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.equal(fixture.openedLinks.length, 1);
});

Deno.test("[oauth.scopes] a login requests the scope in the challenge, and offline_access if it is supported", async () => {
  await using fixture = new OAuthFixture();
  fixture.server.challengeScope = "read";
  fixture.authorizationServer.behaviour.supportedScopes = ["read", "write", "offline_access"];
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.equal(
    fixture.authorizationServer.authorizationRequests[0]?.get("scope"),
    "read offline_access",
  );
});

Deno.test("[oauth.scopes] a call that needs another scope requests both scopes together", async () => {
  await using fixture = new OAuthFixture();
  const auth = fixture.createAuth();
  fixture.server.challengeScope = "read";
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  fixture.server.requiredScope = "write";
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  assert.equal(fixture.authorizationServer.authorizationRequests[1]?.get("scope"), "read write");
  assert.equal(fixture.openedLinks.length, 2);
});

Deno.test("[oauth.scopes] a scope that was requested but not granted is not requested again", async () => {
  await using fixture = new OAuthFixture();
  const auth = fixture.createAuth();
  fixture.server.requiredScope = "admin";
  fixture.authorizationServer.behaviour.grantedScope = "read";
  assert.equal(await sendRequest(auth, fixture.server.url), 403);
  assert.equal(await sendRequest(auth, fixture.server.url), 403);
  const { code, message } = await catchDownstreamError(sendRequest(auth, fixture.server.url));
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /although every scope that the server asks for was requested/);
  assert.equal(fixture.openedLinks.length, 2);
});

const CLIENT_CREDENTIALS = {
  grant: "client_credentials",
  clientId: "robot",
  clientSecret: "robot-secret",
  scopes: ["run"],
} as const;

Deno.test("[oauth.client-credentials] [servers.oauth] the gateway gets tokens with its client credentials", async () => {
  await using fixture = new OAuthFixture({ oauth: CLIENT_CREDENTIALS, isInteractive: false });
  fixture.authorizationServer.addClient("robot", { redirectUris: [], secret: "robot-secret" });
  fixture.waitingClient = undefined;
  const auth = fixture.createAuth();
  const statuses = Array.from({ length: 5 }, () => sendRequest(auth, fixture.server.url));
  assert.deepEqual(await Promise.all(statuses), Array(5).fill(200));
  const [form] = fixture.authorizationServer.tokenRequests;
  assert.equal(fixture.authorizationServer.tokenRequests.length, 1);
  assert.equal(form?.get("scope"), "run");
  assert.equal(form?.get("resource"), fixture.server.url);
  assert.deepEqual([fixture.openedLinks, fixture.authorizationServer.registrations], [[], []]);
  fixture.server.requiredScope = "more";
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  assert.equal(fixture.authorizationServer.tokenRequests[1]?.get("scope"), "run more");
});

Deno.test("[oauth.scopes] the scopes that a server asks for do not add up without end", async () => {
  await using fixture = new OAuthFixture({ oauth: CLIENT_CREDENTIALS, isInteractive: false });
  fixture.authorizationServer.addClient("robot", { redirectUris: [], secret: "robot-secret" });
  fixture.waitingClient = undefined;
  const auth = fixture.createAuth();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  fixture.server.requiredScope = "a".repeat(10_000);
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  const requestCount = fixture.authorizationServer.tokenRequests.length;
  fixture.server.requiredScope = "b".repeat(10_000);
  const { code, message } = await catchDownstreamError(sendRequest(auth, fixture.server.url));
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /asks for more scopes than the gateway requests/);
  assert.equal(fixture.authorizationServer.tokenRequests.length, requestCount);
});

Deno.test("[oauth.client-credentials] a wrong secret is reported to the operator", async () => {
  await using fixture = new OAuthFixture({
    oauth: { ...CLIENT_CREDENTIALS, clientSecret: "wrong-secret" },
  });
  fixture.authorizationServer.addClient("robot", { redirectUris: [], secret: "robot-secret" });
  const { code, message, details } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /invalid_client.*Check client_id, client_secret/);
  assert.doesNotMatch(message, /wrong-secret/);
  assert.deepEqual(details, {});
});

Deno.test("[oauth.header] an Authorization header in the configuration disables OAuth", async () => {
  await using fixture = new OAuthFixture({ headers: { authorization: "Bearer own-key" } });
  const { code, message, details } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /refused the Authorization header of its entry \(HTTP 401\)/);
  assert.deepEqual(details, {});
  assert.deepEqual([fixture.openedLinks, fixture.authorizationServer.requests], [[], []]);
});

Deno.test("[oauth.issuer] tokens of one issuer are never sent to another", async () => {
  await using fixture = new OAuthFixture();
  await using newAuthorizationServer = new AuthorizationServer();
  const auth = fixture.createAuth();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  const { tokens } = fixture.readStoredLogin();
  fixture.server.authorizationServers = [newAuthorizationServer];
  // The old authorization server renews the token, but the server does not accept the new one.
  assert.equal(await sendRequest(auth, fixture.server.url), 401);
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  assert.equal(newAuthorizationServer.registrations.length, 1);
  assert.deepEqual(newAuthorizationServer.tokenRequests.map((form) => form.get("grant_type")), [
    "authorization_code",
  ]);
  assert.doesNotMatch(
    newAuthorizationServer.tokenRequests.join(),
    new RegExp(tokens.refresh_token ?? ""),
  );
  assert.equal(fixture.listStoredFiles().filter((name) => name.endsWith(".json")).length, 2);
  // The next gateway uses the newest login.
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
});

function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
