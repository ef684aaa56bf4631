import assert from "node:assert/strict";
import type { OAuthOptions } from "../../src/config/mod.ts";
import { toDownstreamError } from "../../src/downstream/oauth/login_failure.ts";
import { AuthorizationServer, type Behaviour } from "../fixtures/oauth/authorization_server.ts";
import { failure, OAuthScene, send } from "./scene.ts";

type Members = Readonly<Record<string, unknown>>;

/** A JSON object that a login reads. */
type Document = "resource metadata" | "service metadata" | "registration" | "token";

/** Responses that must not break a login. */
const TOLERATED: Readonly<Record<Document, readonly Members[]>> = {
  "resource metadata": [
    { scopes_supported: null },
    { scopes_supported: "read write" },
    { scopes_supported: [null, 5] },
    { resource_name: null, resource_documentation: "", jwks_uri: "" },
    { resource_policy_uri: "soon", bearer_methods_supported: "header" },
    { dpop_bound_access_tokens_required: "no" },
  ],
  "service metadata": [
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

/** Replaces members of a document that the servers send. */
function override(scene: OAuthScene, document: Document, members: Members): void {
  const { server, service: { behaviour } } = scene;
  switch (document) {
    case "resource metadata":
      server.metadataOverrides = members;
      break;
    case "service metadata":
      behaviour.metadataOverrides = members;
      break;
    case "registration":
      behaviour.registrationOverrides = members;
      break;
    case "token":
      behaviour.tokenOverrides = members;
  }
}

for (const [document, variations] of Object.entries(TOLERATED)) {
  for (const members of variations) {
    for (
      const metadata of document === "service metadata"
        ? ["oauth", "openid"] as const
        : ["oauth"] as const
    ) {
      Deno.test(`[oauth.tolerance] ${document} (${metadata}): ${show(members)}`, async () => {
        await using scene = new OAuthScene();
        scene.service.behaviour.metadataLocation = metadata;
        override(scene, document as Document, members);
        assert.equal(await send(scene.gateway(), scene.server.url), 200);
        // The stored login is readable: the next gateway asks no one.
        assert.equal(await send(scene.gateway(), scene.server.url), 200);
        assert.equal(scene.opened.length, 1);
      });
    }
  }
}

Deno.test("[oauth.tolerance] [oauth.renewal] null in a renewal keeps the known value", async () => {
  await using scene = new OAuthScene();
  const gateway = scene.gateway();
  scene.server.challengeScope = "read";
  assert.equal(await send(gateway, scene.server.url), 200);
  const { tokens: before } = scene.kept();
  scene.service.revokeAccessTokens();
  scene.service.behaviour.tokenOverrides = { refresh_token: null, scope: null, expires_in: null };
  assert.equal(await send(gateway, scene.server.url), 200);
  const { tokens } = scene.kept();
  assert.deepEqual([tokens.refresh_token, tokens.scope], [before.refresh_token, "read"]);
  assert.equal(tokens.expires_at, undefined);
});

Deno.test("[oauth.tolerance] [oauth.renewal] a login ends even if the error has a null next to it", async () => {
  await using scene = new OAuthScene();
  const gateway = scene.gateway();
  assert.equal(await send(gateway, scene.server.url), 200);
  scene.service.revokeAccessTokens();
  scene.waiting = undefined;
  const body = '{"error":"invalid_grant","error_description":null,"error_uri":null}';
  scene.service.behaviour.tokenResponse = { status: 400, body };
  const { code } = await failure(send(gateway, scene.server.url));
  assert.equal(code, "AUTH_REQUIRED");
  assert.equal(scene.kept().tokens, undefined);
});

for (const metadata of ["oauth", "openid"] as const) {
  Deno.test(`[oauth.tolerance] [oauth.clients] ${metadata}: a registration endpoint that is null`, async () => {
    await using scene = new OAuthScene({ oauth: { clientId: "mine" } });
    scene.service.addClient("mine", { redirectUris: ["http://127.0.0.1/callback"] });
    scene.service.behaviour.metadataLocation = metadata;
    scene.service.behaviour.metadataOverrides = { registration_endpoint: null };
    assert.equal(await send(scene.gateway(), scene.server.url), 200);
  });
}

Deno.test("[oauth.tolerance] [oauth.client-credentials] a service for client credentials needs no login page", async () => {
  const oauth = { grant: "client_credentials", clientId: "robot", clientSecret: "secret" } as const;
  await using scene = new OAuthScene({ oauth });
  scene.service.addClient("robot", { redirectUris: [], secret: "secret" });
  scene.service.behaviour.metadataOverrides = {
    authorization_endpoint: null,
    response_types_supported: null,
  };
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
});

/** Members that must be valid, and the message if they are not. */
const WRONG: readonly (readonly [Document, Members, RegExp])[] = [
  ["resource metadata", { resource: null, authorization_servers: [] }, /resource is null .* a URL/],
  ["service metadata", { issuer: null }, /issuer is null and must be a string/],
  ["service metadata", { token_endpoint: undefined }, /token_endpoint is missing/],
  ["service metadata", { token_endpoint: "" }, /token_endpoint is "" and must be a URL/],
  ["service metadata", { authorization_endpoint: ["a"] }, /authorization_endpoint is a list/],
  [
    "service metadata",
    { response_types_supported: ["token"] },
    /the response type "token".*needs "code"/,
  ],
  [
    "service metadata",
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

for (const [document, members, expected] of WRONG) {
  Deno.test(`[oauth.tolerance] an invalid member of the ${document} is named: ${show(members)}`, async () => {
    await using scene = new OAuthScene();
    override(scene, document, members);
    const { code, message } = await failure(send(scene.gateway(), scene.server.url));
    assert.equal(code, "AUTH_REQUIRED");
    assert.match(message, expected);
    assert.doesNotMatch(message, /123456789|canary/);
  });
}

// Errors that Deno throws for a secret in Latin-1, a header or a file are not the server's fault.
for (const error of [new DOMException("no", "InvalidCharacterError"), new TypeError("no"), "no"]) {
  Deno.test(`[oauth.tolerance] a failure inside the gateway is reported as such: ${String(error)}`, () => {
    const { code, message } = toDownstreamError(error, "notes");
    assert.equal(code, "SERVER_UNAVAILABLE");
    assert.match(
      message,
      /failed inside the gateway \((?:InvalidCharacterError|TypeError|string)\)/,
    );
    assert.match(message, /not in the server/);
  });
}

const PAGE = (): Response => {
  return new Response("<!doctype html><title>App</title>", {
    headers: { "content-type": "text/html" },
  });
};
const BROKEN = (): Response => new Response("oops", { status: 500 });
const EMPTY = (): Response => Response.json({});
const OTHER = (): Response => {
  return Response.json({
    issuer: "https://other.test",
    authorization_endpoint: "https://other.test/authorize",
    token_endpoint: "https://other.test/token",
  });
};

for (const [what, answer] of Object.entries({ PAGE, BROKEN, EMPTY, OTHER })) {
  for (const path of ["", "/tenant"]) {
    Deno.test(`[oauth.discovery] ${what} at the first address of "${path}/": the next one is asked`, async () => {
      await using scene = new OAuthScene();
      const { behaviour } = scene.service;
      behaviour.metadataLocation = "openid";
      behaviour.issuerPath = path;
      behaviour.responses = { [`GET /.well-known/oauth-authorization-server${path}`]: answer };
      assert.equal(await send(scene.gateway(), scene.server.url), 200);
    });
  }

  Deno.test(`[oauth.discovery] ${what} where the server says that it describes itself`, async () => {
    await using scene = new OAuthScene();
    const path = "/.well-known/oauth-protected-resource";
    scene.server.responses = { [`${path}/mcp`]: answer, [path]: () => describe(scene) };
    assert.equal(await send(scene.gateway(), scene.server.url), 200);
    assert.equal(scene.kept().issuer, scene.service.issuer);
  });
}

function describe(scene: OAuthScene): Response {
  return Response.json({
    resource: scene.server.url,
    authorization_servers: [scene.service.issuer],
  });
}

for (const [where, status] of [["itself", 302], ["itself", 308], ["another", 302]] as const) {
  Deno.test(`[oauth.discovery] [oauth.addresses] a description that redirects to ${where}: ${status}`, async () => {
    await using scene = new OAuthScene();
    await using other = new AuthorizationServer();
    const { service } = scene;
    const path = `/.well-known/openid-configuration`;
    const location = `${where === "itself" ? service.origin : other.origin}${path}`;
    const redirect = () => new Response(null, { status, headers: { location } });
    service.behaviour.responses = { "GET /.well-known/oauth-authorization-server": redirect };
    service.behaviour.metadataLocation = "openid";
    assert.equal(await send(scene.gateway(), scene.server.url), 200);
    const followed = service.requests.filter((line) => line === `GET ${path}`);
    assert.deepEqual([followed.length, other.requests], [1, []]);
  });
}

Deno.test("[oauth.discovery] if all addresses are broken, the message names the first", async () => {
  await using scene = new OAuthScene();
  scene.service.behaviour.responses = {
    "GET /.well-known/oauth-authorization-server": BROKEN,
    "GET /.well-known/openid-configuration": PAGE,
  };
  const { message } = await failure(send(scene.gateway(), scene.server.url));
  assert.match(message, /oauth-authorization-server answered HTTP 500 with "oops"/);
  assert.deepEqual(scene.opened, []);
});

Deno.test("[oauth.discovery] another challenge before the one for tokens", async () => {
  await using scene = new OAuthScene();
  scene.server.challengePrefix = 'Basic realm="old", ';
  scene.server.challengeScope = "read";
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  assert.equal(scene.service.authorizations[0]?.get("scope"), "read");
});

for (const path of ["", "/tenant"]) {
  for (const [named, itself] of [["", "/"], ["/", ""]] as const) {
    Deno.test(`[oauth.checks] an issuer "${path}${named}" that calls itself "${path}${itself}" is the same`, async () => {
      await using scene = new OAuthScene();
      const { service, server } = scene;
      service.behaviour.issuerPath = path;
      server.metadataOverrides = { authorization_servers: [`${service.issuer}${named}`] };
      service.behaviour.metadataOverrides = { issuer: `${service.issuer}${itself}` };
      service.behaviour.redirectOverrides = { iss: `${service.issuer}${itself}` };
      assert.equal(await send(scene.gateway(), server.url), 200);
      assert.equal(scene.kept().issuer, `${service.issuer}${itself}`);
    });
  }
}

for (
  const [resource, isIts] of [["/mcp/", true], ["/", true], ["", true], ["/mcp/x", false], [
    "/mc",
    false,
  ]] as const
) {
  Deno.test(`[oauth.checks] a server at "/mcp" that says to be "${resource}"`, async () => {
    await using scene = new OAuthScene();
    scene.server.resource = `${scene.server.origin}${resource}`;
    const answer = send(scene.gateway(), scene.server.url);
    if (isIts) assert.equal(await answer, 200);
    else assert.match((await failure(answer)).message, /which is not its own address/);
  });
}

// RFC 9207 and MCP require a simple string comparison of `iss`, which protects against mix-ups.
Deno.test("[oauth.checks] an iss that differs by a slash only is refused, with both values", async () => {
  await using scene = new OAuthScene();
  const { service } = scene;
  service.behaviour.redirectOverrides = { iss: `${service.issuer}/` };
  const { message } = await failure(send(scene.gateway(), scene.server.url));
  assert.ok(
    message.includes(`it names the issuer "${service.issuer}/" instead of "${service.issuer}"`),
  );
  assert.deepEqual(service.tokenRequests, []);
});

Deno.test("[oauth.checks] refusals name the expected and the received value", async () => {
  await using scene = new OAuthScene();
  const { service, server } = scene;
  service.behaviour.metadataOverrides = { issuer: "https://evil.test" };
  const issuer = await failure(send(scene.gateway(), server.url));
  assert.ok(issuer.message.includes(`"https://evil.test" instead of "${service.issuer}"`));
  server.resource = "https://other.test/mcp";
  const resource = await failure(send(scene.gateway(), server.url));
  assert.ok(
    resource.message.includes(
      `"https://other.test/mcp", which is not its own address "${server.url}"`,
    ),
  );
});

const REGISTRATIONS: readonly (readonly [string, () => Response, RegExp])[] = [
  ["a page", PAGE, /HTTP 200 with a web page/],
  [
    "a page of refusal",
    () => new Response("<p>no</p>", { status: 403 }),
    /HTTP 403 with a web page/,
  ],
  ["nothing", () => new Response(null, { status: 404 }), /HTTP 404 without a body/],
  ["words", () => new Response("ask Bob", { status: 403 }), /HTTP 403 with "ask Bob"/],
  ["an error with 200", () => Response.json({ error: "denied" }), /refused to register.*"denied"/],
  [
    "a redirect",
    () => new Response(null, { status: 302, headers: { location: "https://other.test/r?key=1" } }),
    /HTTP 302, a redirect to "https:\/\/other\.test\/r", which was not followed/,
  ],
  ["no client", () => Response.json({ ok: true }), /client_id is missing/],
];

for (const [what, answer, expected] of REGISTRATIONS) {
  Deno.test(`[oauth.clients] a registration that answers ${what} gets advice`, async () => {
    await using scene = new OAuthScene();
    scene.service.behaviour.responses = { "POST /register": answer };
    const { message } = await failure(send(scene.gateway(), scene.server.url));
    assert.match(message, expected);
    assert.match(message, /Register a client there by hand and put its ID into/);
  });
}

for (
  const behaviour of [
    { allowsRegistration: false },
    { responses: { "POST /register": () => new Response("<p>no</p>", { status: 403 }) } },
  ] satisfies Partial<Behaviour>[]
) {
  Deno.test(`[oauth.clients] the advice of a service with client-id documents works: ${Object.keys(behaviour)}`, async () => {
    const port = freePort();
    const clientId = "https://client.test/agent-mcp-gateway.json";
    const own: Partial<OAuthOptions> = {};
    await using scene = new OAuthScene({ oauth: own });
    Object.assign(scene.service.behaviour, { acceptsClientDocuments: true, ...behaviour });
    const { message } = await failure(send(scene.gateway(), scene.server.url));
    assert.match(
      message,
      /https address of a client metadata document.*http:\/\/127\.0\.0\.1:PORT\/callback.*`gateway\.oauth\.client_id`.*`gateway\.oauth\.redirect_port`/,
    );
    Object.assign(own, { clientId, redirectPort: port });
    assert.equal(await send(scene.gateway(), scene.server.url), 200);
    const [asked] = scene.service.authorizations;
    assert.equal(asked?.get("redirect_uri"), `http://127.0.0.1:${port}/callback`);
    assert.equal(scene.service.tokenRequests[0]?.get("client_id"), clientId);
  });
}

function show(members: Members): string {
  return JSON.stringify(members, (_, value) => value === undefined ? "(absent)" : value);
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
