import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { exportSPKI, importJWK } from "jose";
import { AuthenticatorFixture, sha256 } from "./authenticator_fixture.ts";
import { createKey, Issuer } from "./issuer.ts";

function encodeBase64Url(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return Buffer.from(text).toString("base64url");
}

Deno.test("[rules.credentials] [identity.credential] a JWT names its agent by a claim", async () => {
  await using issuer = await Issuer.open();
  const fixture = new AuthenticatorFixture(await issuer.rules());
  assert.equal(fixture.authenticator.requiresCredential, true);
  assert.deepEqual(issuer.requestedPaths, []);
  const token = await issuer.createToken();
  const { id, agent, expiresAtMs = 0 } = await fixture.expectCredential(token);
  assert.equal(agent, "a");
  const remainingMs = expiresAtMs - Date.now();
  assert.ok(remainingMs > 55_000 && remainingMs <= 66_000, `${remainingMs}`);

  // A renewed token is the same credential; a token of another subject or agent is another credential.
  const renewedToken = await issuer.createToken({
    claims: { exp: Math.floor(Date.now() / 1000) + 600 },
  });
  assert.equal((await fixture.expectCredential(renewedToken)).id, id);
  const otherClaims = [{ sub: "other" }, { agent: "b" }, { sub: 'user","b' }];
  for (const claims of otherClaims) {
    assert.notEqual((await fixture.expectCredential(await issuer.createToken({ claims }))).id, id);
  }
  assert.equal(
    await fixture.agentOrStatusOf(await issuer.createToken({ claims: { aud: ["x", "gateway"] } })),
    "a",
  );
  const typedToken = await issuer.createToken({ header: { typ: "application/AT+jwt" } });
  assert.equal(await fixture.agentOrStatusOf(typedToken), "a");
  // The keys were fetched once.
  const paths = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
  assert.deepEqual(issuer.requestedPaths, [...paths, "/keys"]);
});

Deno.test("[tenants.subject] a JWT without a subject is answered with 401", async () => {
  await using issuer = await Issuer.open();
  const fixture = new AuthenticatorFixture(await issuer.rules());
  for (const sub of [undefined, "", 7, null]) {
    const token = await issuer.createToken({ claims: { sub } });
    assert.equal(await fixture.agentOrStatusOf(token), 401, String(sub));
  }
});

Deno.test("[rules.credentials] a JWT that does not name an agent of the rules is answered with 403", async () => {
  await using issuer = await Issuer.open();
  const fixture = new AuthenticatorFixture(await issuer.rules());
  const invalidAgents = [
    "nobody",
    "",
    undefined,
    5,
    ["a"],
    { a: 1 },
    "a ",
    "__proto__",
    "x".repeat(5000),
  ];
  for (const agent of invalidAgents) {
    assert.equal(
      await fixture.agentOrStatusOf(await issuer.createToken({ claims: { agent } })),
      403,
      String(agent),
    );
  }
  fixture.rules = await issuer.rules({ agent_claim: "__proto__" });
  assert.equal(await fixture.agentOrStatusOf(await issuer.createToken()), 403);
  fixture.rules = await issuer.rules({ agent_claim: "https://example.com/agent" });
  const claims = { "https://example.com/agent": "b" };
  assert.equal(await fixture.agentOrStatusOf(await issuer.createToken({ claims })), "b");
});

Deno.test("[rules.credentials] a JWT with an invalid time, audience, issuer, key, header or type is answered with 401", async () => {
  await using issuer = await Issuer.open();
  const fixture = new AuthenticatorFixture(await issuer.rules());
  const now = Math.floor(Date.now() / 1000);
  const unpublishedKey = await createKey("one");
  const invalidTokens = {
    "expired": { claims: { exp: now - 30 } },
    "not valid yet": { claims: { nbf: now + 30 } },
    "issued in the future": { claims: { iat: now + 30 } },
    "without an expiry": { claims: { exp: undefined } },
    "with an expiry that is not a number": { claims: { exp: "never" } },
    "for another audience": { claims: { aud: "other" } },
    "for no audience": { claims: { aud: undefined } },
    "for the audience in another case": { claims: { aud: "Gateway" } },
    "of another issuer": { claims: { iss: "https://example.com" } },
    "of the issuer with a slash appended": { claims: { iss: `${issuer.url}/` } },
    "of no issuer": { claims: { iss: undefined } },
    "signed with another key of the same id": { key: unpublishedKey },
    "signed with a key from its own header": {
      key: unpublishedKey,
      header: { jwk: unpublishedKey.publicJwk },
    },
    "with an unknown key id": { header: { kid: "../../keys" } },
    "with a key id that is the name of an object property": { header: { kid: "__proto__" } },
    "with an unknown critical header": { header: { crit: ["urn:odd"], "urn:odd": 1 } },
    "of another type": { header: { typ: "logout+jwt" } },
  };
  let index = 0;
  for (const [description, options] of Object.entries(invalidTokens)) {
    const status = await fixture.agentOrStatusOf(
      await issuer.createToken(options),
      `192.0.2.${++index}`,
    );
    assert.equal(status, 401, description);
  }
  // A small clock difference is tolerated.
  for (const claims of [{ exp: now - 1 }, { nbf: now + 3 }, { iat: now + 3 }]) {
    assert.equal(await fixture.agentOrStatusOf(await issuer.createToken({ claims })), "a");
  }
});

Deno.test("[rules.credentials] a JWT without a signature, or with a forged one, is answered with 401", async () => {
  await using issuer = await Issuer.open();
  const key = await createKey("rsa", "RS256");
  issuer.keys = [key];
  const fixture = new AuthenticatorFixture(await issuer.rules());
  const validToken = await issuer.createToken();
  assert.equal(await fixture.agentOrStatusOf(validToken), "a");
  const [header = "", payload = "", signature = ""] = validToken.split(".");
  const publicKey = await importJWK(key.publicJwk, "RS256", { extractable: true });
  assert.ok(publicKey instanceof CryptoKey);
  const pem = await exportSPKI(publicKey);

  const forgedTokens = [
    `${encodeBase64Url({ alg: "none" })}.${payload}.`,
    `${encodeBase64Url({ alg: "none", kid: "rsa" })}.${payload}.${signature}`,
    `${encodeBase64Url({ alg: "None", kid: "rsa" })}.${payload}.`,
    `${encodeBase64Url({ kid: "rsa" })}.${payload}.${signature}`,
    `${encodeBase64Url({ alg: "", kid: "rsa" })}.${payload}.${signature}`,
    `${encodeBase64Url({ alg: ["RS256"], kid: "rsa" })}.${payload}.${signature}`,
    `${header}.${payload}.`,
    `${header}.${encodeBase64Url({ ...JSON.parse(atob(payload)), agent: "b" })}.${signature}`,
    `${header}.${payload}.${signature.slice(0, -4)}`,
    `${header}.${payload}.${"A".repeat(signature.length)}`,
    `${header}..${signature}`,
    `..`,
    `${encodeBase64Url("not json")}.${payload}.${signature}`,
    `${encodeBase64Url("[]")}.${payload}.${signature}`,
    `${encodeBase64Url('{"alg":"RS256","alg":"none"}')}.${payload}.`,
    `${validToken}.${signature}`,
    // Encrypted JWTs have five parts.
    `${validToken}..`,
    `${
      encodeBase64Url({ alg: "RS256", kid: "rsa", b64: false, crit: ["b64"] })
    }.${payload}.${signature}`,
    `${header}.${payload}\u00e9.${signature}`,
  ];
  for (const alg of ["HS256", "HS384", "HS512"]) {
    const hash = alg.replace("HS", "sha");
    for (const secret of [pem, pem.trim(), JSON.stringify(key.publicJwk), key.publicJwk.n ?? ""]) {
      const signedPart = `${encodeBase64Url({ alg, kid: "rsa", typ: "JWT" })}.${payload}`;
      forgedTokens.push(
        `${signedPart}.${createHmac(hash, secret).update(signedPart).digest("base64url")}`,
      );
    }
  }
  for (const [index, token] of forgedTokens.entries()) {
    assert.equal(await fixture.agentOrStatusOf(token, `192.0.2.${index}`), 401, token.slice(0, 60));
  }
  assert.equal(await fixture.agentOrStatusOf(validToken), "a");
  assert.ok(issuer.requestedPaths.filter((path) => path === "/keys").length <= 3);
});

Deno.test("[rules.credentials] a shared secret among an issuer's keys is not used", async () => {
  await using issuer = await Issuer.open();
  const k = encodeBase64Url("a secret of thirty-two bytes, yes!");
  const jwk = { kty: "oct", k, kid: "one", alg: "HS256" };
  issuer.responseOverride = (path) => path === "/keys" ? Response.json({ keys: [jwk] }) : undefined;
  const fixture = new AuthenticatorFixture(await issuer.rules());
  const [, payload] = (await issuer.createToken()).split(".");
  const signedPart = `${encodeBase64Url({ alg: "HS256", kid: "one" })}.${payload}`;
  const secret = Buffer.from(k, "base64url");
  const token = `${signedPart}.${
    createHmac("sha256", secret).update(signedPart).digest("base64url")
  }`;
  assert.equal(await fixture.agentOrStatusOf(token), 401);
});

Deno.test("[rules.credentials] bearer tokens and JWTs are accepted side by side", async () => {
  await using issuer = await Issuer.open();
  const rules = {
    agents: { a: {}, b: { token_sha256: [sha256("amg_b"), sha256("x.y.z")] } },
    auth: { jwt: issuer.jwtRules() },
  };
  const fixture = await AuthenticatorFixture.open(rules);
  assert.deepEqual(
    [
      await fixture.agentOrStatusOf("amg_b"),
      await fixture.agentOrStatusOf("x.y.z"),
      await fixture.agentOrStatusOf(await issuer.createToken()),
    ],
    ["b", "b", "a"],
  );
  assert.equal(await fixture.agentOrStatusOf("amg_c"), 401);
});

Deno.test("[rules.credentials] the credential of a JWT is invalid once it has expired, or the rules change its agent or issuer", async () => {
  await using issuer = await Issuer.open();
  const fixture = new AuthenticatorFixture(await issuer.rules());
  const { authenticator } = fixture;
  const credential = await fixture.expectCredential(await issuer.createToken());
  assert.equal(authenticator.isValid(credential), true);
  assert.equal(authenticator.isValid({ ...credential, expiresAtMs: Date.now() - 1 }), false);
  fixture.rules = await issuer.rules();
  assert.equal(authenticator.isValid(credential), true);
  for (
    const overrides of [{ audience: "other" }, { issuer: "https://example.com" }, {
      agent_claim: "x",
    }]
  ) {
    fixture.rules = await issuer.rules(overrides);
    assert.equal(authenticator.isValid(credential), false, JSON.stringify(overrides));
  }
  await fixture.reload({ agents: { b: {} }, auth: { jwt: issuer.jwtRules() } });
  assert.equal(authenticator.isValid(credential), false);
  await fixture.reload({ agents: { a: { token_sha256: [sha256("amg_a")] } } });
  assert.equal(authenticator.isValid(credential), false);
});

Deno.test("[rules.credentials] the metadata names the configured issuer as the authorization server", async () => {
  await using issuer = await Issuer.open();
  const fixture = new AuthenticatorFixture(await issuer.rules());
  assert.deepEqual(fixture.authenticator.buildMetadata("https://gateway.example"), {
    resource: "https://gateway.example/mcp",
    resource_name: "Agent MCP Gateway",
    authorization_servers: [issuer.url],
    bearer_methods_supported: ["header"],
  });
  const metadataParameter =
    'resource_metadata="https://gateway.example/.well-known/oauth-protected-resource/mcp"';
  const refusalWithoutToken = await fixture.authenticate(null);
  assert.ok(refusalWithoutToken.kind === "refused");
  assert.equal(
    refusalWithoutToken.wwwAuthenticate,
    `Bearer realm="agent-mcp-gateway", ${metadataParameter}`,
  );
  const refusalOfInvalidToken = await fixture.authenticate("Bearer bad");
  assert.ok(refusalOfInvalidToken.kind === "refused");
  assert.equal(
    refusalOfInvalidToken.wwwAuthenticate,
    `Bearer realm="agent-mcp-gateway", error="invalid_token", ${metadataParameter}`,
  );
  // An issuer that is not a URL is not in the metadata.
  fixture.rules = await issuer.rules({ issuer: "the-issuer", jwks_url: `${issuer.url}/keys` });
  assert.equal(fixture.authenticator.buildMetadata("http://127.0.0.1"), undefined);
  const claims = { iss: "the-issuer" };
  assert.equal(await fixture.agentOrStatusOf(await issuer.createToken({ claims })), "a");
});
