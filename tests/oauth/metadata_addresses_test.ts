import assert from "node:assert/strict";
import { AuthorizationServer } from "../fixtures/oauth/authorization_server.ts";
import {
  catchDownstreamError,
  OAuthFixture,
  respondWithPage,
  sendRequest,
} from "./oauth_fixture.ts";

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
