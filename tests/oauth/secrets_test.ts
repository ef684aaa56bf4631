import assert from "node:assert/strict";
import { errorBodyOf } from "../../src/gateway/error_body.ts";
import { CANARY } from "../fixtures/oauth/authorization_server.ts";
import { failure, OAuthScene, type SceneOptions, send } from "./scene.ts";

const SECRETS: SceneOptions = {
  headers: { "x-key": `${CANARY}-header` },
  oauth: { clientId: "mine", clientSecret: `${CANARY}-configured` },
};

/** Collects all texts that were written or sent, and all secrets. */
class Search {
  readonly #errors: string[] = [];

  /** Adds an error that an agent receives. */
  add(error: unknown): void {
    this.#errors.push(JSON.stringify(errorBodyOf(error)), String(error));
  }

  /** Asserts that no text contains a secret. */
  findNothing(scene: OAuthScene): void {
    const all = [...this.#errors, ...scene.log, ...scene.shown].join("\n");
    assert.doesNotMatch(all, new RegExp(CANARY));
    const forms = scene.service.tokenRequests;
    const verifiers = forms.map((form) => form.get("code_verifier") ?? "");
    for (const verifier of verifiers.filter((one) => one !== "")) {
      assert.ok(!all.includes(verifier), "a verifier");
    }
    assert.ok(forms.length > 0, "No token was requested");
  }
}

/** A scene in which a client with a secret has logged in. */
function makeScene(options: SceneOptions = SECRETS): OAuthScene {
  const scene = new OAuthScene(options);
  scene.service.addClient("mine", {
    redirectUris: ["http://127.0.0.1/callback"],
    secret: `${CANARY}-configured`,
  });
  return scene;
}

const ECHOES = [
  ["an error", { status: 400, body: '{"error":"invalid_request","error_description":"$form"}' }],
  ["an end", { status: 400, body: '{"error":"invalid_grant","error_description":"$form"}' }],
  ["an odd error", { status: 400, body: '{"error":"$form"}' }],
  ["a page", { status: 403, body: "<p>You sent $form</p>" }],
  ["a failure", { status: 500, body: "You sent $form" }],
  ["no tokens", { status: 200, body: '{"access_token":1,"token_type":"$form"}' }],
  ["other tokens", {
    status: 200,
    body: '{"access_token":"canary-given","token_type":"canary-given $form"}',
  }],
] as const;

for (const [what, answer] of ECHOES) {
  Deno.test(`[oauth.no-secrets] ${what} that repeats what was sent to log in`, async () => {
    await using scene = makeScene();
    const search = new Search();
    scene.service.behaviour.tokenResponse = answer;
    search.add(await failure(send(scene.gateway(), scene.server.url)));
    await Promise.all(scene.browsing);
    search.findNothing(scene);
  });

  Deno.test(`[oauth.no-secrets] ${what} that repeats what was sent to renew`, async () => {
    await using scene = makeScene();
    const search = new Search();
    const gateway = scene.gateway();
    assert.equal(await send(gateway, scene.server.url), 200);
    scene.service.revokeAccessTokens();
    scene.waiting = undefined;
    scene.service.behaviour.tokenResponse = answer;
    search.add(await failure(send(gateway, scene.server.url)));
    await Promise.all(scene.browsing);
    search.findNothing(scene);
  });
}

Deno.test("[oauth.no-secrets] a login, its renewal and its end", async () => {
  await using scene = makeScene({ headers: { "x-key": `${CANARY}-header` } });
  scene.service.behaviour.issuesSecrets = true;
  const search = new Search();
  const gateway = scene.gateway();
  assert.equal(await send(gateway, scene.server.url), 200);
  scene.service.revokeAccessTokens();
  assert.equal(await send(gateway, scene.server.url), 200);
  scene.service.revokeLogins();
  scene.waiting = undefined;
  search.add(await failure(send(gateway, scene.server.url)));
  Deno.writeTextFileSync(
    `${scene.store}/${scene.files().find((name) => name.endsWith(".json"))}`,
    `{"tokens":"${CANARY}-damaged`,
  );
  search.add(await failure(send(scene.gateway(), scene.server.url)));
  await Promise.all(scene.browsing);
  search.findNothing(scene);
  assert.match(scene.log.join(""), /A damaged login was set aside/);
});

Deno.test("[oauth.no-secrets] the link in an error contains no secret", async () => {
  await using scene = makeScene({ ...SECRETS, browser: "none" });
  const gateway = scene.gateway();
  const { details: { url = "" } } = await failure(send(gateway, scene.server.url));
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
