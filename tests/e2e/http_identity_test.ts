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

Deno.test("[rules.credentials-gone] a gateway on loopback whose rules lose their last token refuses every request until a token is added, and a warning says so", async () => {
  const rules = { agents: { a: { token_sha256: [sha256("amg_a")] } } };
  await using gateway = await startGateway({ rules, transport: "http", initialize: false });
  const client = new HttpClient(gateway, "amg_a");
  assert.equal(await client.openSession(), 200);
  gateway.setup.writeFile(".mcp-gateway-rules.json", { agents: { a: {} } });
  await waitUntil("the warning is logged", () => {
    return /^warn: .*every request to \/mcp is refused/m.test(gateway.program.stderr);
  });
  assert.equal(await client.callGatewayToolForOutcome("list_servers"), 401);
  for (const token of ["", "amg_a", "amg_other"]) {
    assert.equal(await new HttpClient(gateway, token).openSession(), 401);
  }
  gateway.setup.writeFile(".mcp-gateway-rules.json", rules);
  await waitUntil(
    "the token opens a session",
    async () => await new HttpClient(gateway, "amg_a").openSession() === 200,
  );
});

Deno.test("[http.refused] refused logins and requests are in the log of refusals, in the metrics, and in one warning a minute", async () => {
  const rules = { agents: { a: { token_sha256: [sha256("amg_a")] } } };
  const token = "a-token-for-metrics";
  await using gateway = await startGateway({
    rules,
    transport: "http",
    initialize: false,
    env: { GATEWAY_METRICS_TOKEN: token },
  });
  for (let number = 0; number < 15; number++) {
    assert.equal(await new HttpClient(gateway, "amg_wrong").openSession(), 401);
  }
  for (let number = 0; number < 15; number++) {
    const response = await fetch(new URL("/nothing", gateway.url));
    await response.body?.cancel();
    assert.equal(response.status, 404);
  }
  const headers = { authorization: `Bearer ${token}` };
  const metrics = await (await fetch(new URL("/metrics", gateway.url), { headers })).text();
  assert.match(
    metrics,
    /^mcp_gateway_http_refused_total\{status="401",reason="invalid_token"\} 15$/m,
  );
  assert.match(metrics, /^mcp_gateway_http_refused_total\{status="404",reason="request"\} 15$/m);
  const counts: Record<string, number> = {};
  // The numbers of the refusals that have no line are added once a minute, and at the end.
  gateway.program.sendSignal("SIGTERM");
  await gateway.program.waitForEnd();
  for (const line of gateway.readAuditLog()) {
    const numbers = line.counts ?? { [String(line.code)]: 1 };
    for (const [code, count] of Object.entries<number>(Object(numbers))) {
      counts[code] = (counts[code] ?? 0) + count;
    }
  }
  assert.deepEqual(counts, { INVALID_TOKEN: 15, HTTP_404: 15 });
  const { timestamp: _, ...first } = gateway.readAuditLog()[0] ?? {};
  assert.deepEqual(first, {
    agent_id: null,
    address: "127.0.0.1",
    operation: "login",
    decision: "DENY",
    code: "INVALID_TOKEN",
  });
  const warnings = gateway.program.stderr.match(/^warn: Logins from an address failed.*$/gm);
  assert.equal(warnings?.length, 1);
  assert.match(warnings?.[0] ?? "", /address=127\.0\.0\.1 reason=invalid_token count=1/);
});
