import assert from "node:assert/strict";
import { waitUntil } from "../../e2e/wait.ts";
import { AuthenticatorFixture } from "./authenticator_fixture.ts";
import { createKey, Issuer } from "./issuer.ts";

function countKeyRequests(issuer: Issuer): number {
  return issuer.requestedPaths.filter((path) => path === "/keys").length;
}

Deno.test("[rules.credentials] the issuer's keys may change at any time", async () => {
  await using issuer = await Issuer.open();
  const fixture = new AuthenticatorFixture(await issuer.rules(), { keyTimes: { cooldownMs: 0 } });
  const oldToken = await issuer.createToken();
  assert.equal(await fixture.agentOrStatusOf(oldToken), "a");
  issuer.keys = [await createKey("two", "RS256"), ...issuer.keys];
  assert.equal(await fixture.agentOrStatusOf(await issuer.createToken()), "a");
  assert.equal(await fixture.agentOrStatusOf(oldToken), "a");
  assert.equal(countKeyRequests(issuer), 2);
  // A withdrawn key is no longer valid once the keys are fetched again.
  issuer.keys = [await createKey("three", "EdDSA")];
  assert.equal(await fixture.agentOrStatusOf(await issuer.createToken()), "a");
  assert.equal(await fixture.agentOrStatusOf(oldToken), 401);
});

Deno.test("[rules.credentials] unknown key ids do not cause repeated requests", async () => {
  await using issuer = await Issuer.open();
  const fixture = new AuthenticatorFixture(await issuer.rules(), { keyTimes: { cooldownMs: 400 } });
  const validToken = await issuer.createToken();
  assert.equal(await fixture.agentOrStatusOf(validToken), "a");
  const logins = Array.from({ length: 100 }, async (_, index) => {
    const token = await issuer.createToken({ header: { kid: `made-up-${index}` } });
    return await fixture.agentOrStatusOf(token, `192.0.2.${index}`);
  });
  assert.deepEqual(new Set(await Promise.all(logins)), new Set([401]));
  assert.ok(countKeyRequests(issuer) <= 3, String(countKeyRequests(issuer)));
  assert.equal(await fixture.agentOrStatusOf(validToken), "a");
  // A new key is found after the cooldown.
  issuer.keys = [await createKey("new")];
  const token = await issuer.createToken();
  await waitUntil(
    "the new key is found",
    async () => await fixture.agentOrStatusOf(token, "192.0.2.200") === "a",
  );
});

Deno.test("[rules.credentials] many concurrent logins cause one request for the keys", async () => {
  await using issuer = await Issuer.open();
  const fixture = new AuthenticatorFixture(await issuer.rules());
  const token = await issuer.createToken();
  const logins = await Promise.all(
    Array.from({ length: 50 }, () => fixture.agentOrStatusOf(token)),
  );
  assert.deepEqual(new Set(logins), new Set(["a"]));
  assert.equal(countKeyRequests(issuer), 1);
});

Deno.test("[rules.credentials] keys that are not fresh are fetched again", async () => {
  await using issuer = await Issuer.open();
  const fixture = new AuthenticatorFixture(await issuer.rules(), { keyTimes: { freshMs: 0 } });
  const oldToken = await issuer.createToken();
  assert.equal(await fixture.agentOrStatusOf(oldToken), "a");
  issuer.keys = [await createKey("two")];
  assert.equal(await fixture.agentOrStatusOf(oldToken), 401);
});

Deno.test("[rules.credentials] a failing issuer is reported, and all its tokens are refused", async () => {
  const failures: Record<string, Issuer["responseOverride"]> = {
    "errors": () => new Response("no", { status: 500 }),
    "no JSON": () => new Response("<html>"),
    "null": () => Response.json(null),
    "no keys": (path) => path === "/keys" ? Response.json({ keys: "none" }) : undefined,
    "another issuer": (path) =>
      path.startsWith("/.well-known")
        ? Response.json({ issuer: "https://example.com" })
        : undefined,
    "keys over plain HTTP": (path) =>
      path.startsWith("/.well-known")
        ? Response.json({ issuer: "ISSUER", jwks_uri: "http://example.com/keys" })
        : undefined,
    "keys in a file": (path) =>
      path.startsWith("/.well-known")
        ? Response.json({ issuer: "ISSUER", jwks_uri: "file:///etc/passwd" })
        : undefined,
    "a redirect": () => new Response(null, { status: 302, headers: { location: "/keys" } }),
    "an endless answer": () => new Response("x".repeat(2_000_000)),
  };
  for (const [description, respond] of Object.entries(failures)) {
    await using issuer = await Issuer.open();
    issuer.responseOverride = async (path) => {
      const response = await respond?.(path);
      if (response === undefined) return await defaultResponse(path);
      const text = (await response.text()).replace("ISSUER", issuer.url);
      const body = response.status === 302 ? null : text;
      return new Response(body, { status: response.status, headers: response.headers });
    };
    const defaultResponse = (path: string): Response =>
      path === "/keys"
        ? Response.json({ keys: issuer.keys.map(({ publicJwk }) => publicJwk) })
        : Response.json({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` });
    const fixture = new AuthenticatorFixture(await issuer.rules());
    const refusal = await fixture.authenticate(`Bearer ${await issuer.createToken()}`);
    assert.deepEqual(refusal, {
      kind: "refused",
      status: 503,
      retryAfterS: 5,
      message: "The token cannot be checked now, because its issuer does not answer. Send the " +
        "request again in a few seconds.",
    }, description);
    assert.equal(fixture.log.messages.length, 1);
    assert.match(
      fixture.log.messages[0] ?? "",
      /^warn The keys of the issuer .* its tokens are refused/,
    );
    // The issuer gets no further request for a while.
    const requestCount = issuer.requestedPaths.length;
    assert.equal(await fixture.agentOrStatusOf(await issuer.createToken()), 503);
    assert.equal(issuer.requestedPaths.length, requestCount);
  }
});

Deno.test("[rules.credentials] while an issuer hangs its tokens are refused, and once it answers they are accepted", async () => {
  await using issuer = await Issuer.open();
  const { promise: hanging, resolve: endHanging } = Promise.withResolvers<Response>();
  issuer.responseOverride = () => hanging;
  const fixture = new AuthenticatorFixture(await issuer.rules(), {
    keyTimes: { timeoutMs: 100, retryDelayMs: 50 },
  });
  const token = await issuer.createToken();
  assert.equal(await fixture.agentOrStatusOf(token), 503);
  issuer.responseOverride = undefined;
  endHanging(new Response("late"));
  await waitUntil("the keys are fetched", async () => await fixture.agentOrStatusOf(token) === "a");
});

Deno.test("[rules.credentials] while an issuer is unreachable, the keys fetched before remain valid until they are stale", async () => {
  const issuer = await Issuer.open();
  const token = await issuer.createToken();
  const fixture = new AuthenticatorFixture(await issuer.rules(), { keyTimes: { freshMs: 0 } });
  const fixtureWithoutStaleKeys = new AuthenticatorFixture(fixture.rules, {
    keyTimes: { freshMs: 0, staleMs: 0 },
  });
  assert.deepEqual([
    await fixture.agentOrStatusOf(token),
    await fixtureWithoutStaleKeys.agentOrStatusOf(token),
  ], ["a", "a"]);
  await issuer.end();
  assert.deepEqual([
    await fixture.agentOrStatusOf(token),
    await fixtureWithoutStaleKeys.agentOrStatusOf(token),
  ], ["a", 503]);
  assert.match(
    fixture.log.messages[0] ?? "",
    /its tokens are checked with the keys fetched before$/,
  );
});

Deno.test("[rules.credentials] the address of the keys can be configured", async () => {
  await using issuer = await Issuer.open();
  const fixture = new AuthenticatorFixture(await issuer.rules({ jwks_url: `${issuer.url}/keys` }));
  assert.equal(await fixture.agentOrStatusOf(await issuer.createToken()), "a");
  assert.deepEqual(issuer.requestedPaths, ["/keys"]);
});

Deno.test("[rules.credentials] the metadata of an issuer with a path is found at each standard location", async () => {
  const paths = [
    "/.well-known/oauth-authorization-server/team",
    "/.well-known/openid-configuration/team",
    "/team/.well-known/openid-configuration",
  ];
  for (const path of paths) {
    await using issuer = await Issuer.open();
    const iss = `${issuer.url}/team`;
    issuer.responseOverride = (requestedPath) => {
      if (requestedPath === path) {
        return Response.json({ issuer: iss, jwks_uri: `${issuer.url}/keys` });
      }
      return requestedPath === "/keys" ? undefined : new Response("no", { status: 404 });
    };
    const fixture = new AuthenticatorFixture(await issuer.rules({ issuer: iss }));
    assert.equal(
      await fixture.agentOrStatusOf(await issuer.createToken({ claims: { iss } })),
      "a",
      path,
    );
  }
});
