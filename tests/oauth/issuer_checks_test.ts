import assert from "node:assert/strict";
import { catchDownstreamError, OAuthFixture, sendRequest } from "./oauth_fixture.ts";

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
