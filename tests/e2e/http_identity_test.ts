import assert from "node:assert/strict";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { Issuer } from "../gateway/http/issuer.ts";
import { startGateway } from "./gateway.ts";
import { waitUntil, withTimeout } from "./wait.ts";
import { HttpClient } from "./http_client.ts";

Deno.test("[identity.credential] [rules.credentials] over HTTP the credential identifies the agent", async (t) => {
  await using issuer = await Issuer.open();
  const makeRules = (tokens: string[]) => ({
    agents: {
      a: { token_sha256: tokens.map(sha256), limits: { per_minute: 50 } },
      b: { token_sha256: [sha256("amg_b")], limits: { per_minute: 1 } },
    },
    auth: { jwt: issuer.jwtRules() },
  });
  await using gateway = await startGateway({
    rules: makeRules(["amg_a", "amg_other"]),
    transport: "http",
    initialize: false,
  });

  const refusalTitle =
    "a request without a valid credential is refused, and the refusal names the issuer of JWTs";
  await t.step(refusalTitle, async () => {
    const response = await new HttpClient(gateway).sendMessage({ id: 1, method: "ping" });
    await response.body?.cancel();
    assert.equal(response.status, 401);
    const challenge = response.headers.get("www-authenticate") ?? "";
    const [, metadataUrl = ""] = /resource_metadata="([^"]+)"/.exec(challenge) ?? [];
    const metadata = await (await fetch(metadataUrl)).json();
    assert.deepEqual(metadata.authorization_servers, [issuer.url]);
    assert.equal(metadata.resource, gateway.url);
    assert.equal(await new HttpClient(gateway, "amg_wrong").openSession(), 401);
  });

  await t.step("a token and a JWT are bound to their agents", async () => {
    for (const token of ["amg_a", await issuer.createToken()]) {
      const client = new HttpClient(gateway, token);
      assert.equal(await client.openSession(), 200);
      assert.equal(await client.callGatewayToolForOutcome("list_servers"), "ok");
      assert.equal(await client.callGatewayToolForOutcome("list_servers", { agent_id: "a" }), "ok");
      assert.equal(
        await client.callGatewayToolForOutcome("list_servers", { agent_id: "b" }),
        "INVALID_AGENT_ID",
      );
    }
    const stranger = await issuer.createToken({ claims: { agent: "nobody" } });
    assert.equal(await new HttpClient(gateway, stranger).openSession(), 403);
  });

  await t.step(
    "a session serves only the credential that opened it, or a renewed JWT",
    async () => {
      const client = new HttpClient(gateway, "amg_a");
      await client.openSession();
      for (const token of ["amg_b", "amg_other", await issuer.createToken(), "amg_wrong", ""]) {
        client.token = token;
        assert.ok(
          [401, 403, 404].includes(Number(await client.callGatewayToolForOutcome("list_servers"))),
          token,
        );
      }
      client.token = await issuer.createToken();
      await client.openSession();
      client.token = await issuer.createToken({ claims: { iat: 1 } });
      assert.equal(await client.callGatewayToolForOutcome("list_servers"), "ok");
    },
  );

  await t.step(
    "an exceeded limit is reported in the result, in every session of the agent",
    async () => {
      const client = new HttpClient(gateway, "amg_b");
      await client.openSession();
      assert.equal(await client.callGatewayToolForOutcome("list_servers"), "ok");
      assert.equal(await client.callGatewayToolForOutcome("list_servers"), "RATE_LIMITED");
      for (let connection = 0; connection < 3; connection++) {
        const another = new HttpClient(gateway, "amg_b");
        await another.openSession();
        assert.equal(
          await another.callGatewayToolForOutcome("list_servers"),
          "RATE_LIMITED",
          "another session of the agent is limited, too",
        );
      }
    },
  );

  await t.step(
    "a token that is removed from the rules is refused, also in open sessions",
    async () => {
      const client = new HttpClient(gateway, "amg_a");
      await client.openSession();
      gateway.setup.writeFile(".mcp-gateway-rules.json", makeRules(["amg_other"]));
      await waitUntil(
        "the removed token is refused",
        async () => await client.callGatewayToolForOutcome("list_servers") === 401,
      );
      assert.equal(
        await withTimeout(
          "the other token opens a session",
          new HttpClient(gateway, "amg_other").openSession(),
        ),
        200,
      );
    },
  );
});
