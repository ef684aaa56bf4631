import assert from "node:assert/strict";
import { AuthorizationServer } from "../fixtures/oauth/authorization_server.ts";
import { failure, OAuthScene, send } from "./scene.ts";

for (const metadata of ["oauth", "openid"] as const) {
  for (const path of ["", "/tenant"]) {
    for (const resourceMetadata of ["named", "well-known"] as const) {
      const name = `${metadata} at "${path}/", ${resourceMetadata}`;
      Deno.test(`[oauth.discovery] an authorization server is found: ${name}`, async () => {
        await using scene = new OAuthScene();
        scene.service.behaviour.metadataLocation = metadata;
        scene.service.behaviour.issuerPath = path;
        scene.server.metadataLocation = resourceMetadata;
        assert.equal(await send(scene.gateway(), scene.server.url), 200);
        assert.equal(scene.kept().issuer, scene.service.issuer);
        // Every request names the resource (RFC 8707) as the server names itself.
        const [asked] = scene.service.authorizations;
        const [token] = scene.service.tokenRequests;
        assert.equal(asked?.get("resource"), scene.server.url);
        assert.equal(token?.get("resource"), scene.server.url);
      });
    }
  }
}

Deno.test("[oauth.discovery] servers of the first revision have their authorization server at their own address", async () => {
  await using scene = new OAuthScene();
  scene.server.metadataLocation = "none";
  const { message, details, code } = await failure(send(scene.gateway(), scene.server.url));
  // This server has none there: it requires a key.
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(
    message,
    /offers no login\. Put the credentials it needs, such as a key, into `headers`/,
  );
  assert.deepEqual(details, {});
});

Deno.test("[oauth.discovery] an authorization server at the server's address may publish its metadata there", async () => {
  await using scene = new OAuthScene();
  const { server, service } = scene;
  server.metadataLocation = "none";
  server.authorizationServerMetadata = {
    issuer: server.origin,
    authorization_endpoint: `${service.origin}/authorize`,
    token_endpoint: `${service.origin}/token`,
    registration_endpoint: `${service.origin}/register`,
    response_types_supported: ["code"],
  };
  service.behaviour.redirectOverrides = { iss: null };
  assert.equal(await send(scene.gateway(), server.url), 200);
  assert.equal(scene.kept().issuer, server.origin);
  // Nothing says how the server is called as a resource.
  assert.equal(service.authorizations[0]?.get("resource"), null);
});

Deno.test("[oauth.discovery] the gateway does not log in for another resource", async () => {
  await using scene = new OAuthScene();
  scene.server.resource = "https://other.test/mcp";
  const { message } = await failure(send(scene.gateway(), scene.server.url));
  assert.match(
    message,
    /logins are for "https:\/\/other\.test\/mcp", which is not its own address/,
  );
  assert.deepEqual(scene.service.requests, []);
});

Deno.test("[oauth.checks] metadata that names another issuer is refused", async () => {
  await using scene = new OAuthScene();
  scene.service.behaviour.metadataOverrides = { issuer: "https://evil.test" };
  const { message } = await failure(send(scene.gateway(), scene.server.url));
  assert.match(message, /different authorization server/);
  assert.deepEqual(scene.service.registrations, []);
});

for (
  const [key, what] of [
    ["authorization_endpoint", "login page"],
    ["token_endpoint", "token endpoint"],
    ["registration_endpoint", "registration endpoint"],
    ["revocation_endpoint", "revocation endpoint"],
  ] as const
) {
  Deno.test(`[oauth.addresses] nothing is sent over http to another machine: ${key}`, async () => {
    await using scene = new OAuthScene();
    scene.service.behaviour.metadataOverrides = { [key]: "http://login.test/place" };
    const { code, message } = await failure(send(scene.gateway(), scene.server.url));
    assert.equal(code, "AUTH_REQUIRED");
    assert.match(message, new RegExp(`its ${what} http://login\\.test is no https address`));
    assert.deepEqual([scene.service.registrations, scene.opened], [[], []]);
  });
}

Deno.test("[oauth.clients] a client is registered for this machine, without a secret", async () => {
  await using scene = new OAuthScene();
  await send(scene.gateway(), scene.server.url);
  const [registration] = scene.service.registrations;
  assert.equal(registration?.client_name, "Agent MCP Gateway");
  assert.equal(registration?.token_endpoint_auth_method, "none");
  assert.equal(registration?.application_type, "native");
  assert.match(String(registration?.redirect_uris), /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
});

Deno.test("[oauth.clients] a client that received a secret uses it", async () => {
  await using scene = new OAuthScene();
  scene.service.behaviour.issuesSecrets = true;
  const gateway = scene.gateway();
  assert.equal(await send(gateway, scene.server.url), 200);
  scene.service.revokeAccessTokens();
  assert.equal(await send(gateway, scene.server.url), 200);
  assert.equal(scene.service.refreshCount, 1);
  assert.equal(scene.opened.length, 1);
});

Deno.test("[oauth.clients] a registration is used again, at the same redirect", async () => {
  await using scene = new OAuthScene();
  await send(scene.gateway(), scene.server.url);
  scene.service.revokeLogins();
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  assert.equal(scene.opened.length, 2);
  assert.equal(scene.service.registrations.length, 1);
});

Deno.test("[oauth.clients] if the service registers no clients, the message says what to do", async () => {
  await using scene = new OAuthScene();
  scene.service.behaviour.allowsRegistration = false;
  const { message, details } = await failure(send(scene.gateway(), scene.server.url));
  assert.match(message, /does not register clients\. Register a client there by hand/);
  assert.deepEqual(details, {});
});

Deno.test("[oauth.clients] [servers.oauth] a configured client, its port and scopes", async () => {
  const port = freePort();
  const oauth = {
    clientId: "mine",
    clientSecret: "my-secret-of-12",
    redirectPort: port,
    scopes: ["a", "b"],
  };
  await using scene = new OAuthScene({ oauth });
  const redirect = `http://127.0.0.1:${port}/callback`;
  scene.service.addClient("mine", { redirectUris: [redirect], secret: "my-secret-of-12" });
  scene.server.challengeScope = "ignored";
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  assert.deepEqual(scene.service.registrations, []);
  const [asked] = scene.service.authorizations;
  assert.equal(asked?.get("redirect_uri"), redirect);
  assert.equal(asked?.get("scope"), "a b");
  // The configured secret is not stored.
  assert.doesNotMatch(JSON.stringify(scene.kept()), /my-secret/);
});

Deno.test("[oauth.clients] a port that is in use is reported", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using scene = new OAuthScene({
    oauth: { clientId: "mine", redirectPort: taken.addr.port },
  });
  const { message } = await failure(send(scene.gateway(), scene.server.url));
  assert.match(message, /port \d+, .* is in use/);
});

Deno.test("[oauth.clients] a client id that is an address needs no registration", async () => {
  const clientId = "https://client.test/metadata.json";
  await using scene = new OAuthScene({ oauth: { clientId } });
  scene.service.behaviour.acceptsClientDocuments = true;
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  assert.deepEqual(scene.service.registrations, []);
  assert.equal(scene.service.tokenRequests[0]?.get("client_id"), clientId);
});

Deno.test("[oauth.clients] a client id that is an address is not used if the authorization server does not support it", async () => {
  await using scene = new OAuthScene({ oauth: { clientId: "https://client.test/metadata.json" } });
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  assert.equal(scene.service.registrations.length, 1);
  // The registered client is reused.
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  assert.equal(scene.opened.length, 1);
});

Deno.test("[oauth.scopes] the scope that a call needs is requested, and offline_access if the service offers it", async () => {
  await using scene = new OAuthScene();
  scene.server.challengeScope = "read";
  scene.service.behaviour.supportedScopes = ["read", "write", "offline_access"];
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  assert.equal(scene.service.authorizations[0]?.get("scope"), "read offline_access");
});

Deno.test("[oauth.scopes] a call that needs more scope requests all of it together", async () => {
  await using scene = new OAuthScene();
  const gateway = scene.gateway();
  scene.server.challengeScope = "read";
  assert.equal(await send(gateway, scene.server.url), 200);
  scene.server.requiredScope = "write";
  assert.equal(await send(gateway, scene.server.url), 200);
  assert.equal(scene.service.authorizations[1]?.get("scope"), "read write");
  assert.equal(scene.opened.length, 2);
});

Deno.test("[oauth.scopes] scope that was requested and not granted is not requested again", async () => {
  await using scene = new OAuthScene();
  const gateway = scene.gateway();
  scene.server.requiredScope = "admin";
  scene.service.behaviour.grantedScope = "read";
  assert.equal(await send(gateway, scene.server.url), 403);
  assert.equal(await send(gateway, scene.server.url), 403);
  const { code, message } = await failure(send(gateway, scene.server.url));
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /although every scope that the server asks for was requested/);
  assert.equal(scene.opened.length, 2);
});

const OWN = {
  grant: "client_credentials",
  clientId: "robot",
  clientSecret: "robot-secret",
  scopes: ["run"],
} as const;

Deno.test("[oauth.client-credentials] [servers.oauth] the gateway gets its own tokens", async () => {
  await using scene = new OAuthScene({ oauth: OWN, isInteractive: false });
  scene.service.addClient("robot", { redirectUris: [], secret: "robot-secret" });
  scene.waiting = undefined;
  const gateway = scene.gateway();
  const calls = Array.from({ length: 5 }, () => send(gateway, scene.server.url));
  assert.deepEqual(await Promise.all(calls), Array(5).fill(200));
  const [form] = scene.service.tokenRequests;
  assert.equal(scene.service.tokenRequests.length, 1);
  assert.equal(form?.get("scope"), "run");
  assert.equal(form?.get("resource"), scene.server.url);
  assert.deepEqual([scene.opened, scene.service.registrations], [[], []]);
  scene.server.requiredScope = "more";
  assert.equal(await send(gateway, scene.server.url), 200);
  assert.equal(scene.service.tokenRequests[1]?.get("scope"), "run more");
});

Deno.test("[oauth.client-credentials] a wrong secret is reported to the operator", async () => {
  await using scene = new OAuthScene({ oauth: { ...OWN, clientSecret: "wrong-secret" } });
  scene.service.addClient("robot", { redirectUris: [], secret: "robot-secret" });
  const { code, message, details } = await failure(send(scene.gateway(), scene.server.url));
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /invalid_client.*Check client_id, client_secret/);
  assert.doesNotMatch(message, /wrong-secret/);
  assert.deepEqual(details, {});
});

Deno.test("[oauth.header] an Authorization header in the configuration disables OAuth", async () => {
  await using scene = new OAuthScene({ headers: { authorization: "Bearer own-key" } });
  const { code, message, details } = await failure(send(scene.gateway(), scene.server.url));
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /refused the Authorization header of its entry \(HTTP 401\)/);
  assert.deepEqual(details, {});
  assert.deepEqual([scene.opened, scene.service.requests], [[], []]);
});

Deno.test("[oauth.issuer] tokens of one issuer are never sent to another", async () => {
  await using scene = new OAuthScene();
  await using other = new AuthorizationServer();
  const gateway = scene.gateway();
  assert.equal(await send(gateway, scene.server.url), 200);
  const { tokens } = scene.kept();
  scene.server.authorizationServers = [other];
  // The old service is asked to renew its tokens, which the server no longer accepts.
  assert.equal(await send(gateway, scene.server.url), 401);
  assert.equal(await send(gateway, scene.server.url), 200);
  assert.equal(other.registrations.length, 1);
  assert.deepEqual(other.tokenRequests.map((form) => form.get("grant_type")), [
    "authorization_code",
  ]);
  assert.doesNotMatch(other.tokenRequests.join(), new RegExp(tokens.refresh_token ?? ""));
  assert.equal(scene.files().filter((name) => name.endsWith(".json")).length, 2);
  // The newest login is used.
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
