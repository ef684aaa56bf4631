import assert from "node:assert/strict";
import type { OAuthOptions } from "../../src/config/mod.ts";
import type { Behaviour } from "../fixtures/oauth/authorization_server.ts";
import {
  catchDownstreamError,
  OAuthFixture,
  respondWithPage,
  sendRequest,
} from "./oauth_fixture.ts";

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

function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
