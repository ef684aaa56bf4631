import assert from "node:assert/strict";
import { errorBodyOf } from "../../src/gateway/error_body.ts";
import { CANARY } from "../fixtures/oauth/authorization_server.ts";
import {
  catchDownstreamError,
  OAuthFixture,
  type OAuthFixtureOptions,
  sendRequest,
} from "./oauth_fixture.ts";

const OPTIONS_WITH_SECRETS: OAuthFixtureOptions = {
  headers: { "x-key": `${CANARY}-header` },
  oauth: { clientId: "mine", clientSecret: `${CANARY}-configured` },
};

/** Searches the errors, the log and the pages that the gateway has written for secrets. */
class SecretSearch {
  readonly #errors: string[] = [];

  /** Adds an error that an agent receives. */
  addError(error: unknown): void {
    this.#errors.push(JSON.stringify(errorBodyOf(error)), String(error));
  }

  assertNoSecret(fixture: OAuthFixture): void {
    const allText = [...this.#errors, ...fixture.logLines, ...fixture.shownPages].join("\n");
    assert.doesNotMatch(allText, new RegExp(CANARY));
    const forms = fixture.authorizationServer.tokenRequests;
    const verifiers = forms.map((form) => form.get("code_verifier") ?? "");
    for (const verifier of verifiers.filter((text) => text !== "")) {
      assert.ok(!allText.includes(verifier), "The text contains a code verifier");
    }
    assert.ok(forms.length > 0, "No token was requested");
  }
}

/** Creates a fixture whose authorization server has a client with a secret. */
function createFixtureWithClient(
  options: OAuthFixtureOptions = OPTIONS_WITH_SECRETS,
): OAuthFixture {
  const fixture = new OAuthFixture(options);
  fixture.authorizationServer.addClient("mine", {
    redirectUris: ["http://127.0.0.1/callback"],
    secret: `${CANARY}-configured`,
  });
  return fixture;
}

/** Token responses in which the authorization server replaces `$form` with the form of the request. */
const ECHOES = [
  ["a refused request", {
    status: 400,
    body: '{"error":"invalid_request","error_description":"$form"}',
  }],
  ["a refused grant", {
    status: 400,
    body: '{"error":"invalid_grant","error_description":"$form"}',
  }],
  ["an unknown error code", { status: 400, body: '{"error":"$form"}' }],
  ["a web page", { status: 403, body: "<p>You sent $form</p>" }],
  ["a server error", { status: 500, body: "You sent $form" }],
  ["an invalid token", { status: 200, body: '{"access_token":1,"token_type":"$form"}' }],
  ["another token type", {
    status: 200,
    body: '{"access_token":"canary-given","token_type":"canary-given $form"}',
  }],
] as const;

for (const [description, response] of ECHOES) {
  Deno.test(`[oauth.no-secrets] ${description} that repeats a login's token request is redacted`, async () => {
    await using fixture = createFixtureWithClient();
    const search = new SecretSearch();
    fixture.authorizationServer.behaviour.tokenResponse = response;
    search.addError(
      await catchDownstreamError(sendRequest(fixture.createAuth(), fixture.server.url)),
    );
    await Promise.all(fixture.pendingPageLoads);
    search.assertNoSecret(fixture);
  });

  Deno.test(`[oauth.no-secrets] ${description} that repeats a renewal's token request is redacted`, async () => {
    await using fixture = createFixtureWithClient();
    const search = new SecretSearch();
    const auth = fixture.createAuth();
    assert.equal(await sendRequest(auth, fixture.server.url), 200);
    fixture.authorizationServer.revokeAccessTokens();
    fixture.waitingClient = undefined;
    fixture.authorizationServer.behaviour.tokenResponse = response;
    search.addError(await catchDownstreamError(sendRequest(auth, fixture.server.url)));
    await Promise.all(fixture.pendingPageLoads);
    search.assertNoSecret(fixture);
  });
}

Deno.test("[oauth.no-secrets] a login, its renewal, its revocation and its damaged file reveal no secret", async () => {
  await using fixture = createFixtureWithClient({ headers: { "x-key": `${CANARY}-header` } });
  fixture.authorizationServer.behaviour.issuesSecrets = true;
  const search = new SecretSearch();
  const auth = fixture.createAuth();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  fixture.authorizationServer.revokeAccessTokens();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  fixture.authorizationServer.revokeLogins();
  fixture.waitingClient = undefined;
  search.addError(await catchDownstreamError(sendRequest(auth, fixture.server.url)));
  Deno.writeTextFileSync(
    `${fixture.storeFolder}/${fixture.listStoredFiles().find((name) => name.endsWith(".json"))}`,
    `{"tokens":"${CANARY}-damaged`,
  );
  search.addError(
    await catchDownstreamError(sendRequest(fixture.createAuth(), fixture.server.url)),
  );
  await Promise.all(fixture.pendingPageLoads);
  search.assertNoSecret(fixture);
  assert.match(fixture.logLines.join(""), /A damaged login was set aside/);
});

Deno.test("[oauth.no-secrets] the link in an error contains no secret", async () => {
  await using fixture = createFixtureWithClient({ ...OPTIONS_WITH_SECRETS, browser: "none" });
  const auth = fixture.createAuth();
  const { details: { url = "" } } = await catchDownstreamError(
    sendRequest(auth, fixture.server.url),
  );
  assert.deepEqual([...new URL(url).searchParams.keys()].sort(), [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "resource",
    "response_type",
    "state",
  ]);
  assert.doesNotMatch(url, new RegExp(CANARY));
});
