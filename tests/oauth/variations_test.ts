import assert from "node:assert/strict";
import type { OAuthOptions } from "../../src/config/mod.ts";
import { toDownstreamError } from "../../src/downstream/oauth/login_failure.ts";
import { AuthorizationServer, type Behaviour } from "../fixtures/oauth/authorization_server.ts";
import { catchDownstreamError, OAuthFixture, sendRequest } from "./oauth_fixture.ts";

type Members = Readonly<Record<string, unknown>>;

/** The kinds of JSON objects that a login reads. */
type DocumentKind = "resource metadata" | "server metadata" | "registration" | "token";

/** Members with unusual values that must not break a login. */
const TOLERATED_MEMBERS: Readonly<Record<DocumentKind, readonly Members[]>> = {
  "resource metadata": [
    { scopes_supported: null },
    { scopes_supported: "read write" },
    { scopes_supported: [null, 5] },
    { resource_name: null, resource_documentation: "", jwks_uri: "" },
    { resource_policy_uri: "soon", bearer_methods_supported: "header" },
    { dpop_bound_access_tokens_required: "no" },
  ],
  "server metadata": [
    { scopes_supported: null },
    { scopes_supported: "read" },
    { response_types_supported: null },
    { response_types_supported: undefined },
    { response_types_supported: ["code", null] },
    { grant_types_supported: null, response_modes_supported: "query" },
    { introspection_endpoint: null, service_documentation: "", jwks_uri: "" },
    { op_policy_uri: null, op_tos_uri: "", claims_supported: null, ui_locales_supported: "de" },
    { token_endpoint_auth_methods_supported: null },
    { token_endpoint_auth_methods_supported: [] },
    { token_endpoint_auth_methods_supported: ["private_key_jwt", "none"] },
    { code_challenge_methods_supported: null },
    { code_challenge_methods_supported: "S256" },
    { revocation_endpoint: null },
    { revocation_endpoint: "" },
    { client_id_metadata_document_supported: "false" },
    { authorization_response_iss_parameter_supported: null },
    { jwks_uri: undefined, subject_types_supported: undefined },
  ],
  registration: [
    { client_secret: null },
    { client_secret: "" },
    { client_secret_expires_at: null },
    { client_secret_expires_at: "never" },
    { client_uri: null, logo_uri: null, tos_uri: null, policy_uri: null, contacts: null },
    { client_uri: "", logo_uri: "", jwks_uri: "" },
    { redirect_uris: undefined },
    { redirect_uris: null, grant_types: null, scope: null },
    { token_endpoint_auth_method: null },
    { client_id_issued_at: "today" },
  ],
  token: [
    { id_token: null },
    { scope: null },
    { scope: "" },
    { scope: ["read"] },
    { error: null },
    { token_type: undefined },
    { token_type: null },
    { token_type: "bearer" },
    { expires_in: null },
    { expires_in: "" },
    { expires_in: "3600" },
    { expires_in: "soon" },
    { expires_in: -1 },
    { expires_in: 1e300 },
    { refresh_token: null },
    { refresh_token: "" },
  ],
};

/** Replaces members of a JSON object that the servers send. */
function overrideMembers(fixture: OAuthFixture, document: DocumentKind, members: Members): void {
  const { server, authorizationServer: { behaviour } } = fixture;
  switch (document) {
    case "resource metadata":
      server.metadataOverrides = members;
      break;
    case "server metadata":
      behaviour.metadataOverrides = members;
      break;
    case "registration":
      behaviour.registrationOverrides = members;
      break;
    case "token":
      behaviour.tokenOverrides = members;
  }
}

for (const [document, variations] of Object.entries(TOLERATED_MEMBERS)) {
  for (const members of variations) {
    const locations = document === "server metadata"
      ? ["oauth", "openid"] as const
      : ["oauth"] as const;
    for (const location of locations) {
      const name = `${document} (${location}) with ${formatMembers(members)}`;
      Deno.test(`[oauth.tolerance] a login tolerates ${name}`, async () => {
        await using fixture = new OAuthFixture();
        fixture.authorizationServer.behaviour.metadataLocation = location;
        overrideMembers(fixture, document as DocumentKind, members);
        assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
        // The stored login is valid, so another process needs no login.
        assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
        assert.equal(fixture.openedLinks.length, 1);
      });
    }
  }
}

Deno.test("[oauth.tolerance] [oauth.renewal] null in the response to a renewal keeps the previous value", async () => {
  await using fixture = new OAuthFixture();
  const auth = fixture.createAuth();
  fixture.server.challengeScope = "read";
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  const { tokens: oldTokens } = fixture.readStoredLogin();
  fixture.authorizationServer.revokeAccessTokens();
  fixture.authorizationServer.behaviour.tokenOverrides = {
    refresh_token: null,
    scope: null,
    expires_in: null,
  };
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  const { tokens } = fixture.readStoredLogin();
  assert.deepEqual([tokens.refresh_token, tokens.scope], [oldTokens.refresh_token, "read"]);
  assert.equal(tokens.expires_at, undefined);
});

Deno.test("[oauth.tolerance] [oauth.renewal] an invalid_grant error whose other members are null ends the login", async () => {
  await using fixture = new OAuthFixture();
  const auth = fixture.createAuth();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  fixture.authorizationServer.revokeAccessTokens();
  fixture.waitingClient = undefined;
  const body = '{"error":"invalid_grant","error_description":null,"error_uri":null}';
  fixture.authorizationServer.behaviour.tokenResponse = { status: 400, body };
  const { code } = await catchDownstreamError(sendRequest(auth, fixture.server.url));
  assert.equal(code, "AUTH_REQUIRED");
  assert.equal(fixture.readStoredLogin().tokens, undefined);
});

for (const metadata of ["oauth", "openid"] as const) {
  Deno.test(`[oauth.tolerance] [oauth.clients] a login tolerates ${metadata} metadata whose registration endpoint is null`, async () => {
    await using fixture = new OAuthFixture({ oauth: { clientId: "mine" } });
    fixture.authorizationServer.addClient("mine", { redirectUris: ["http://127.0.0.1/callback"] });
    fixture.authorizationServer.behaviour.metadataLocation = metadata;
    fixture.authorizationServer.behaviour.metadataOverrides = { registration_endpoint: null };
    assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  });
}

Deno.test("[oauth.tolerance] [oauth.client-credentials] client credentials need no authorization endpoint", async () => {
  const oauth = { grant: "client_credentials", clientId: "robot", clientSecret: "secret" } as const;
  await using fixture = new OAuthFixture({ oauth });
  fixture.authorizationServer.addClient("robot", { redirectUris: [], secret: "secret" });
  fixture.authorizationServer.behaviour.metadataOverrides = {
    authorization_endpoint: null,
    response_types_supported: null,
  };
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
});

/** Members with invalid values that end a login, and the error message. */
const INVALID_MEMBERS: readonly (readonly [DocumentKind, Members, RegExp])[] = [
  ["resource metadata", { resource: null, authorization_servers: [] }, /resource is null .* a URL/],
  ["server metadata", { issuer: null }, /issuer is null and must be a string/],
  ["server metadata", { token_endpoint: undefined }, /token_endpoint is missing/],
  ["server metadata", { token_endpoint: "" }, /token_endpoint is "" and must be a URL/],
  ["server metadata", { authorization_endpoint: ["a"] }, /authorization_endpoint is a list/],
  [
    "server metadata",
    { response_types_supported: ["token"] },
    /the response type "token".*needs "code"/,
  ],
  [
    "server metadata",
    { code_challenge_methods_supported: ["plain"] },
    /method "plain".*needs "S256"/,
  ],
  ["registration", { client_id: null }, /client_id is null and must be a string.*by hand/],
  ["registration", { client_id: 5 }, /client_id is 5/],
  ["token", { access_token: null }, /access_token is null/],
  ["token", { access_token: "" }, /access_token is ""/],
  ["token", { access_token: 123456789 }, /access_token is a number/],
  ["token", { token_type: "mac" }, /of the type "mac"/],
];

for (const [document, members, expectedMessage] of INVALID_MEMBERS) {
  Deno.test(`[oauth.tolerance] an invalid member of the ${document} is named: ${formatMembers(members)}`, async () => {
    await using fixture = new OAuthFixture();
    overrideMembers(fixture, document, members);
    const { code, message } = await catchDownstreamError(
      sendRequest(fixture.createAuth(), fixture.server.url),
    );
    assert.equal(code, "AUTH_REQUIRED");
    assert.match(message, expectedMessage);
    assert.doesNotMatch(message, /123456789|canary/);
  });
}

// Errors that are not the fault of the server, such as those of Deno for an invalid header.
for (const error of [new DOMException("no", "InvalidCharacterError"), new TypeError("no"), "no"]) {
  Deno.test(`[oauth.tolerance] an unexpected error is reported as a failure inside the gateway: ${String(error)}`, () => {
    const { code, message } = toDownstreamError(error, "notes");
    assert.equal(code, "SERVER_UNAVAILABLE");
    assert.match(
      message,
      /failed inside the gateway \((?:InvalidCharacterError|TypeError|string)\)/,
    );
    assert.match(message, /not in the server/);
  });
}

const respondWithPage = (): Response => {
  return new Response("<!doctype html><title>App</title>", {
    headers: { "content-type": "text/html" },
  });
};
const respondWithError = (): Response => new Response("oops", { status: 500 });
const UNUSABLE_RESPONSES: Readonly<Record<string, () => Response>> = {
  "a web page": respondWithPage,
  "HTTP 500": respondWithError,
  "an empty object": () => Response.json({}),
  "the metadata of another server": () => {
    return Response.json({
      issuer: "https://other.test",
      authorization_endpoint: "https://other.test/authorize",
      token_endpoint: "https://other.test/token",
    });
  },
};

for (const [description, respond] of Object.entries(UNUSABLE_RESPONSES)) {
  for (const path of ["", "/tenant"]) {
    Deno.test(`[oauth.discovery] after ${description} at the first metadata address of "${path}/", the next one is tried`, async () => {
      await using fixture = new OAuthFixture();
      const { behaviour } = fixture.authorizationServer;
      behaviour.metadataLocation = "openid";
      behaviour.issuerPath = path;
      behaviour.responses = { [`GET /.well-known/oauth-authorization-server${path}`]: respond };
      assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
    });
  }

  Deno.test(`[oauth.discovery] after ${description} at the address in the challenge, the next one is tried`, async () => {
    await using fixture = new OAuthFixture();
    const path = "/.well-known/oauth-protected-resource";
    fixture.server.responses = {
      [`${path}/mcp`]: respond,
      [path]: () => createResourceMetadata(fixture),
    };
    assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
    assert.equal(fixture.readStoredLogin().issuer, fixture.authorizationServer.issuer);
  });
}

function createResourceMetadata(fixture: OAuthFixture): Response {
  return Response.json({
    resource: fixture.server.url,
    authorization_servers: [fixture.authorizationServer.issuer],
  });
}

for (
  const [target, status] of [["itself", 302], ["itself", 308], ["another server", 302]] as const
) {
  Deno.test(`[oauth.discovery] [oauth.addresses] a redirect of the metadata to ${target} with ${status} is not followed`, async () => {
    await using fixture = new OAuthFixture();
    await using otherServer = new AuthorizationServer();
    const { authorizationServer } = fixture;
    const path = `/.well-known/openid-configuration`;
    const location = `${
      target === "itself" ? authorizationServer.origin : otherServer.origin
    }${path}`;
    const redirect = () => new Response(null, { status, headers: { location } });
    authorizationServer.behaviour.responses = {
      "GET /.well-known/oauth-authorization-server": redirect,
    };
    authorizationServer.behaviour.metadataLocation = "openid";
    assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
    const openidRequests = authorizationServer.requests.filter((line) => line === `GET ${path}`);
    // The gateway itself requests the second metadata address, once.
    assert.deepEqual([openidRequests.length, otherServer.requests], [1, []]);
  });
}

Deno.test("[oauth.discovery] if all metadata addresses fail, the message names the first address and its answer", async () => {
  await using fixture = new OAuthFixture();
  fixture.authorizationServer.behaviour.responses = {
    "GET /.well-known/oauth-authorization-server": respondWithError,
    "GET /.well-known/openid-configuration": respondWithPage,
  };
  const { message } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.match(message, /oauth-authorization-server answered HTTP 500 with "oops"/);
  assert.deepEqual(fixture.openedLinks, []);
});

Deno.test("[oauth.discovery] a challenge of another scheme before the Bearer challenge is ignored", async () => {
  await using fixture = new OAuthFixture();
  fixture.server.challengePrefix = 'Basic realm="old", ';
  fixture.server.challengeScope = "read";
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.equal(fixture.authorizationServer.authorizationRequests[0]?.get("scope"), "read");
});

for (const path of ["", "/tenant"]) {
  for (const [announcedSuffix, publishedSuffix] of [["", "/"], ["/", ""]] as const) {
    Deno.test(`[oauth.checks] an issuer "${path}${announcedSuffix}" whose metadata says "${path}${publishedSuffix}" is accepted`, async () => {
      await using fixture = new OAuthFixture();
      const { authorizationServer, server } = fixture;
      authorizationServer.behaviour.issuerPath = path;
      server.metadataOverrides = {
        authorization_servers: [`${authorizationServer.issuer}${announcedSuffix}`],
      };
      authorizationServer.behaviour.metadataOverrides = {
        issuer: `${authorizationServer.issuer}${publishedSuffix}`,
      };
      authorizationServer.behaviour.redirectOverrides = {
        iss: `${authorizationServer.issuer}${publishedSuffix}`,
      };
      assert.equal(await sendRequest(fixture.createAuth(), server.url), 200);
      assert.equal(
        fixture.readStoredLogin().issuer,
        `${authorizationServer.issuer}${publishedSuffix}`,
      );
    });
  }
}

for (
  const [resource, isAccepted] of [["/mcp/", true], ["/", true], ["", true], ["/mcp/x", false], [
    "/mc",
    false,
  ]] as const
) {
  Deno.test(
    `[oauth.checks] a server at "/mcp" that names the resource "${resource}" is ${
      isAccepted ? "accepted" : "refused"
    }`,
    async () => {
      await using fixture = new OAuthFixture();
      fixture.server.resource = `${fixture.server.origin}${resource}`;
      const result = sendRequest(fixture.createAuth(), fixture.server.url);
      if (isAccepted) assert.equal(await result, 200);
      else {
        const { message } = await catchDownstreamError(result);
        assert.match(message, /which is not its own address/);
      }
    },
  );
}

// RFC 9207 and MCP require a simple string comparison of `iss`, which protects against mix-ups.
Deno.test("[oauth.checks] an iss that differs only in a trailing slash is refused, and the message has both values", async () => {
  await using fixture = new OAuthFixture();
  const { authorizationServer } = fixture;
  authorizationServer.behaviour.redirectOverrides = { iss: `${authorizationServer.issuer}/` };
  const { message } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.ok(
    message.includes(
      `it names the issuer "${authorizationServer.issuer}/" instead of "${authorizationServer.issuer}"`,
    ),
  );
  assert.deepEqual(authorizationServer.tokenRequests, []);
});

Deno.test("[oauth.checks] a message about a wrong issuer or resource has the expected and the received value", async () => {
  await using fixture = new OAuthFixture();
  const { authorizationServer, server } = fixture;
  authorizationServer.behaviour.metadataOverrides = { issuer: "https://evil.test" };
  const issuerError = await catchDownstreamError(sendRequest(fixture.createAuth(), server.url));
  assert.ok(
    issuerError.message.includes(`"https://evil.test" instead of "${authorizationServer.issuer}"`),
  );
  server.resource = "https://other.test/mcp";
  const resourceError = await catchDownstreamError(sendRequest(fixture.createAuth(), server.url));
  assert.ok(
    resourceError.message.includes(
      `"https://other.test/mcp", which is not its own address "${server.url}"`,
    ),
  );
});

const FAILED_REGISTRATIONS: readonly (readonly [string, () => Response, RegExp])[] = [
  ["a web page", respondWithPage, /HTTP 200 with a web page/],
  [
    "a web page with status 403",
    () => new Response("<p>no</p>", { status: 403 }),
    /HTTP 403 with a web page/,
  ],
  ["nothing", () => new Response(null, { status: 404 }), /HTTP 404 without a body/],
  ["plain text", () => new Response("ask Bob", { status: 403 }), /HTTP 403 with "ask Bob"/],
  [
    "an error with status 200",
    () => Response.json({ error: "denied" }),
    /refused to register.*"denied"/,
  ],
  [
    "a redirect",
    () => new Response(null, { status: 302, headers: { location: "https://other.test/r?key=1" } }),
    /HTTP 302, a redirect to "https:\/\/other\.test\/r", which was not followed/,
  ],
  ["no client id", () => Response.json({ ok: true }), /client_id is missing/],
];

for (const [description, respond, expectedMessage] of FAILED_REGISTRATIONS) {
  Deno.test(`[oauth.clients] after a registration that returns ${description}, the message says what to do`, async () => {
    await using fixture = new OAuthFixture();
    fixture.authorizationServer.behaviour.responses = { "POST /register": respond };
    const { message } = await catchDownstreamError(
      sendRequest(fixture.createAuth(), fixture.server.url),
    );
    assert.match(message, expectedMessage);
    assert.match(message, /Register a client there by hand and put its ID into/);
  });
}

for (
  const behaviour of [
    { allowsRegistration: false },
    { responses: { "POST /register": () => new Response("<p>no</p>", { status: 403 }) } },
  ] satisfies Partial<Behaviour>[]
) {
  Deno.test(`[oauth.clients] the advice to use a client metadata document works: ${Object.keys(behaviour)}`, async () => {
    const port = findFreePort();
    const clientId = "https://client.test/agent-mcp-gateway.json";
    const oauth: Partial<OAuthOptions> = {};
    await using fixture = new OAuthFixture({ oauth });
    Object.assign(
      fixture.authorizationServer.behaviour,
      {
        acceptsClientDocuments: true,
        ...behaviour,
      } satisfies Partial<Behaviour>,
    );
    const { message } = await catchDownstreamError(
      sendRequest(fixture.createAuth(), fixture.server.url),
    );
    assert.match(
      message,
      /https address of a client metadata document.*http:\/\/127\.0\.0\.1:PORT\/callback.*`gateway\.oauth\.client_id`.*`gateway\.oauth\.redirect_port`/,
    );
    Object.assign(oauth, { clientId, redirectPort: port } satisfies Partial<OAuthOptions>);
    assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
    const [authorization] = fixture.authorizationServer.authorizationRequests;
    assert.equal(authorization?.get("redirect_uri"), `http://127.0.0.1:${port}/callback`);
    assert.equal(fixture.authorizationServer.tokenRequests[0]?.get("client_id"), clientId);
  });
}

function formatMembers(members: Members): string {
  return JSON.stringify(members, (_, value) => value === undefined ? "(absent)" : value);
}

function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
