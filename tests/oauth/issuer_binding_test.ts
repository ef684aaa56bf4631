import assert from "node:assert/strict";
import type { OAuthOptions } from "../../src/config/mod.ts";
import { logOut } from "../../src/downstream/mod.ts";
import { createLog } from "../../src/log.ts";
import { AuthorizationServer } from "../fixtures/oauth/authorization_server.ts";
import { catchDownstreamError, OAuthFixture, sendRequest } from "./oauth_fixture.ts";

type OAuth = { -readonly [K in keyof OAuthOptions]?: OAuthOptions[K] };

const ROBOT: Readonly<OAuth> = {
  grant: "client_credentials",
  clientId: "robot",
  clientSecret: "robot-secret",
};

/** Clients that were registered at one authorization server. */
const CLIENTS: Readonly<Record<string, Readonly<OAuth>>> = {
  "with client credentials": ROBOT,
  "with a secret": { clientId: "robot", clientSecret: "robot-secret" },
  "without a secret": { clientId: "robot" },
};

/** Creates a fixture whose authorization server knows the client. */
function createFixture(oauth: OAuth): OAuthFixture {
  oauth.redirectPort = freePort();
  const fixture = new OAuthFixture({ oauth });
  fixture.authorizationServer.addClient("robot", {
    redirectUris: [`http://127.0.0.1:${oauth.redirectPort}/callback`],
    ...(oauth.clientSecret === undefined ? {} : { secret: oauth.clientSecret }),
  });
  return fixture;
}

/** Makes the server name another authorization server, and refuse the tokens of the first one. */
function moveTo(other: AuthorizationServer, fixture: OAuthFixture): void {
  fixture.authorizationServer.revokeLogins();
  fixture.server.authorizationServers = [other];
}

/** Checks that an authorization server was asked for its metadata only. */
function assertOnlyMetadata({ requests }: AuthorizationServer): void {
  assert.deepEqual(requests.filter((request) => !/^GET \/\.well-known\//.test(request)), []);
}

for (const [description, oauth] of Object.entries(CLIENTS)) {
  Deno.test(`[oauth.issuer-binding] a client ${description} is not used with a second issuer that the server names, also by another gateway`, async () => {
    await using fixture = createFixture({ ...oauth });
    await using other = new AuthorizationServer();
    assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
    moveTo(other, fixture);
    const { code, message, details } = await catchDownstreamError(
      sendRequest(fixture.createAuth(), fixture.server.url),
    );
    assert.equal(code, "AUTH_REQUIRED");
    assert.equal(
      message,
      `Server "notes" needs a login: the server names the authorization server "${other.issuer}", ` +
        `but its client_id was first used with "${fixture.authorizationServer.issuer}". Nothing ` +
        "was sent to the former. If you trust it, put it into `gateway.oauth.issuer` of the " +
        "server's entry in the servers file.",
    );
    assert.deepEqual(details, {});
    assertOnlyMetadata(other);
    assert.equal(fixture.openedLinks.length, oauth.grant === undefined ? 1 : 0);
  });

  Deno.test(`[oauth.issuer-binding] a client ${description} is not used with an issuer other than the configured one`, async () => {
    await using fixture = createFixture({ ...oauth, issuer: "https://login.example.com" });
    const { code, message } = await catchDownstreamError(
      sendRequest(fixture.createAuth(), fixture.server.url),
    );
    assert.equal(code, "AUTH_REQUIRED");
    assert.match(
      message,
      /"http:\/\/127[^"]*", but gateway.oauth.issuer of its entry is "https:\/\/login.example.com"/,
    );
    assertOnlyMetadata(fixture.authorizationServer);
    assert.deepEqual(fixture.openedLinks, []);
  });
}

Deno.test("[oauth.issuer-binding] the configured issuer is used if the server names it second", async () => {
  await using other = new AuthorizationServer();
  await using expected = new AuthorizationServer();
  expected.addClient("robot", { redirectUris: [], secret: "robot-secret" });
  await using fixture = createFixture({ ...ROBOT, issuer: `${expected.issuer}/` });
  fixture.server.authorizationServers = [other, expected];
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.deepEqual(other.requests, []);
});

Deno.test("[oauth.issuer-binding] a changed issuer in the entry takes precedence over the first one that the server named", async () => {
  await using other = new AuthorizationServer();
  const oauth: OAuth = { ...ROBOT };
  await using fixture = createFixture(oauth);
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  moveTo(other, fixture);
  other.addClient("robot", { redirectUris: [], secret: "robot-secret" });
  oauth.issuer = other.issuer;
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
});

Deno.test("[oauth.issuer-binding] after auth logout, the next issuer that the server names is used", async () => {
  await using other = new AuthorizationServer();
  await using fixture = createFixture({ ...ROBOT });
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  moveTo(other, fixture);
  other.addClient("robot", { redirectUris: [], secret: "robot-secret" });
  await logOutOf(fixture);
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
});

Deno.test("[oauth.issuer-binding] neither a stored login nor the client's secret is sent to an issuer that the entry has replaced", async () => {
  const oauth: OAuth = { ...CLIENTS["with a secret"] };
  await using fixture = createFixture(oauth);
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  await using other = new AuthorizationServer();
  other.addClient("robot", {
    redirectUris: [`http://127.0.0.1:${oauth.redirectPort}/callback`],
    secret: "new-secret",
  });
  fixture.server.authorizationServers = [other];
  Object.assign(oauth, { issuer: other.issuer, clientSecret: "new-secret" });
  const oldTokens = fixture.readStoredLogin().tokens;
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.equal(fixture.authorizationServer.refreshCount, 0);
  assert.ok(
    !fixture.server.authorizationHeaders.slice(2).includes(`Bearer ${oldTokens.access_token}`),
  );
  // Logging out revokes the old login as well, without the secret of the new client.
  await logOutOf(fixture);
  assert.equal(fixture.authorizationServer.authenticationMethods.at(-1), "none");
});

Deno.test("[oauth.issuer-binding] a client without metadata of an authorization server is not bound to the guessed one", async () => {
  await using fixture = createFixture({ ...ROBOT });
  fixture.server.metadataLocation = "none";
  await catchDownstreamError(sendRequest(fixture.createAuth(), fixture.server.url));
  fixture.server.metadataLocation = "named";
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function logOutOf(fixture: OAuthFixture): Promise<void> {
  await logOut(fixture.createConfig(), {
    log: createLog({ level: "error", write: () => {} }),
    folder: fixture.storeFolder,
    signal: new AbortController().signal,
  });
}
