import assert from "node:assert/strict";
import { toDownstreamError } from "../../src/downstream/oauth/translate_error.ts";
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

function formatMembers(members: Members): string {
  return JSON.stringify(members, (_, value) => value === undefined ? "(absent)" : value);
}
