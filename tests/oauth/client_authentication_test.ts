import assert from "node:assert/strict";
import { createLog } from "../../src/log.ts";
import { logOut } from "../../src/downstream/mod.ts";
import { failure, OAuthScene, type SceneOptions, send } from "./scene.ts";

/** The methods that the metadata lists, those the service accepts, and those the gateway tries. */
const METHODS: readonly (readonly [readonly string[] | undefined, "basic" | "post", string[]])[] = [
  [["client_secret_basic", "client_secret_post"], "post", ["basic", "post"]],
  [["client_secret_basic"], "post", ["basic", "post"]],
  [["client_secret_post"], "basic", ["post", "basic"]],
  [["private_key_jwt"], "post", ["basic", "post"]],
  [undefined, "post", ["basic", "post"]],
  [undefined, "basic", ["basic"]],
  [["client_secret_post"], "post", ["post"]],
];

for (const [supported, requiredAuthentication, tried] of METHODS) {
  const name = `${JSON.stringify(supported)} that accepts only ${requiredAuthentication}`;
  const metadataOverrides = { token_endpoint_auth_methods_supported: supported };

  Deno.test(`[oauth.client-authentication] a person can log in: ${name}`, async () => {
    await using scene = makeScene({ clientId: "mine", clientSecret: "mine-secret" });
    Object.assign(scene.service.behaviour, { metadataOverrides, requiredAuthentication });
    const gateway = scene.gateway();
    assert.equal(await send(gateway, scene.server.url), 200);
    assert.deepEqual(scene.service.authentications, tried);
    // The method that worked is now tried first: to renew, in the next process and at the next
    // login.
    scene.service.revokeAccessTokens();
    assert.equal(await send(scene.gateway(), scene.server.url), 200);
    scene.service.revokeLogins();
    assert.equal(await send(scene.gateway(), scene.server.url), 200);
    assert.deepEqual(scene.service.authentications, [
      ...tried,
      ...Array(3).fill(requiredAuthentication),
    ]);
    assert.deepEqual([scene.service.refreshCount, scene.opened.length], [2, 2]);
  });

  Deno.test(`[oauth.client-authentication] the gateway itself: ${name}`, async () => {
    const oauth = { grant: "client_credentials", clientId: "mine", clientSecret: "mine-secret" };
    await using scene = makeScene(oauth as SceneOptions["oauth"]);
    Object.assign(scene.service.behaviour, { metadataOverrides, requiredAuthentication });
    const gateway = scene.gateway();
    assert.equal(await send(gateway, scene.server.url), 200);
    assert.deepEqual(scene.service.authentications, tried);
    scene.service.revokeAccessTokens();
    assert.equal(await send(gateway, scene.server.url), 200);
    assert.deepEqual(scene.service.authentications, [...tried, requiredAuthentication]);
  });
}

Deno.test("[oauth.client-authentication] a refused renewal keeps the registered client", async () => {
  await using scene = new OAuthScene();
  scene.service.behaviour.issuesSecrets = true;
  const gateway = scene.gateway();
  assert.equal(await send(gateway, scene.server.url), 200);
  assert.deepEqual(scene.service.authentications, ["post"]);
  scene.service.behaviour.requiredAuthentication = "basic";
  scene.service.revokeAccessTokens();
  assert.equal(await send(gateway, scene.server.url), 200);
  assert.deepEqual(scene.service.authentications, ["post", "post", "basic"]);
  assert.deepEqual([scene.opened.length, scene.service.registrations.length], [1, 1]);
  assert.equal(scene.kept().client.token_endpoint_auth_method, "client_secret_basic");
});

Deno.test("[oauth.client-authentication] a service that has forgotten the client gets a new one", async () => {
  await using scene = new OAuthScene();
  scene.service.behaviour.issuesSecrets = true;
  const gateway = scene.gateway();
  assert.equal(await send(gateway, scene.server.url), 200);
  scene.service.forgetClients();
  scene.service.revokeAccessTokens();
  assert.equal(await send(gateway, scene.server.url), 200);
  assert.deepEqual(scene.service.authentications, ["post", "post", "basic", "post"]);
  assert.equal(scene.service.registrations.length, 2);
});

Deno.test("[oauth.client-authentication] a wrong secret is tried with each method once, and both are named", async () => {
  await using scene = makeScene({ clientId: "mine", clientSecret: "wrong-secret" });
  const { message } = await failure(send(scene.gateway(), scene.server.url));
  assert.match(
    message,
    /refused to log in \(as client_secret_basic and as client_secret_post\), "invalid_client"/,
  );
  assert.deepEqual(scene.service.authentications, ["basic", "post"]);
});

Deno.test("[oauth.client-authentication] a code that is refused is not sent again", async () => {
  await using scene = makeScene({ clientId: "mine", clientSecret: "mine-secret" });
  scene.service.behaviour.tokenResponse = { status: 400, body: '{"error":"invalid_grant"}' };
  assert.match((await failure(send(scene.gateway(), scene.server.url))).message, /"invalid_grant"/);
  assert.equal(scene.service.tokenRequests.length, 1);
});

Deno.test("[oauth.client-authentication] a client without a secret has one method only", async () => {
  await using scene = makeScene({ clientId: "mine" });
  const { message } = await failure(send(scene.gateway(), scene.server.url));
  assert.match(message, /refused to log in, "invalid_client"/);
  assert.deepEqual(scene.service.authentications, ["none"]);
});

const SECRETS = ["a:b%c+d é", "pass密word", "~!*'()-._", "päß wörd&=?", "😀 \u0000\r\n", " "];

for (const requiredAuthentication of ["basic", "post"] as const) {
  for (const secret of SECRETS) {
    Deno.test(`[oauth.client-authentication] by ${requiredAuthentication}: ${JSON.stringify(secret)}`, async () => {
      await using scene = new OAuthScene({ oauth: { clientId: "my:id é", clientSecret: secret } });
      scene.service.addClient("my:id é", { redirectUris: ["http://127.0.0.1/callback"], secret });
      scene.service.behaviour.requiredAuthentication = requiredAuthentication;
      assert.equal(await send(scene.gateway(), scene.server.url), 200);
      assert.equal(scene.service.authentications.at(-1), requiredAuthentication);
    });
  }
}

for (const method of ["client_secret_basic", "client_secret_post"]) {
  Deno.test(`[oauth.client-authentication] [oauth.no-secrets] encoded secrets are redacted, too: ${method}`, async () => {
    const clientSecret = "canary ü:% secret";
    await using scene = new OAuthScene({ oauth: { clientId: "mine", clientSecret } });
    scene.service.addClient("mine", { redirectUris: ["http://127.0.0.1/callback"] });
    const echo = async (request: Request): Promise<Response> => {
      const received = `${request.headers.get("authorization")} ${await request.text()}`;
      return Response.json({ error: "invalid_request", error_description: received }, {
        status: 400,
      });
    };
    scene.service.behaviour.metadataOverrides = { token_endpoint_auth_methods_supported: [method] };
    scene.service.behaviour.responses = { "POST /token": echo };
    const { message } = await failure(send(scene.gateway(), scene.server.url));
    assert.match(message, /"invalid_request": ".*\[redacted\]/);
    const basic = btoa("mine:canary+%C3%BC%3A%25+secret");
    assert.ok(!message.includes("canary") && !message.includes(basic), message);
  });
}

Deno.test("[oauth.client-authentication] a logout is authenticated the same way", async () => {
  await using scene = makeScene({ clientId: "mine", clientSecret: "mine-secret" });
  scene.service.behaviour.requiredAuthentication = "post";
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  const log = createLog({ level: "debug", write: (line) => scene.log.push(line) });
  const { signal } = new AbortController();
  const outcome = await logOut(scene.config(), { log, folder: scene.store, signal });
  assert.deepEqual(outcome, { wasLoggedIn: true, revoked: "yes" });
  assert.deepEqual(scene.service.authentications, ["basic", "post", "post", "post"]);
});

/** A scene whose service knows a client with a secret. */
function makeScene(oauth: SceneOptions["oauth"]): OAuthScene {
  const scene = new OAuthScene(oauth === undefined ? {} : { oauth });
  scene.service.addClient("mine", {
    redirectUris: ["http://127.0.0.1/callback"],
    secret: "mine-secret",
  });
  return scene;
}
