import assert from "node:assert/strict";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { Issuer } from "../gateway/http/issuer.ts";
import { findFreePort, HAS_REDIS, RedisServer } from "../limits/redis.ts";
import { EVERY_COMMAND } from "./every_command.ts";
import { misbehavingServer, type RunningGateway, startGateway } from "./gateway.ts";
import { HttpClient } from "./http_client.ts";

const METRICS_TOKEN = "only-for-the-monitoring";

/** Requests /metrics with a token; returns the status and the body. */
async function readMetrics(gateway: RunningGateway, token: string): Promise<[number, string]> {
  const response = await fetch(new URL("/metrics", gateway.url), {
    headers: { authorization: `Bearer ${token}` },
  });
  return [response.status, await response.text()];
}

for (const command of EVERY_COMMAND) {
  Deno.test(`[install.shipped] tokens, JWTs, limits and /metrics work over HTTP, from ${command}`, async () => {
    await using issuer = await Issuer.open();
    await using gateway = await startGateway({
      command,
      transport: "http",
      servers: { odd: misbehavingServer() },
      rules: {
        agents: {
          a: { allow: { servers: ["odd"] }, token_sha256: [sha256("amg_a")] },
          b: { token_sha256: [sha256("amg_b")], limits: { per_minute: 1 } },
        },
        auth: { jwt: issuer.jwtRules() },
      },
      env: { GATEWAY_METRICS_TOKEN: METRICS_TOKEN },
      initialize: false,
    });
    assert.equal(await new HttpClient(gateway, "amg_wrong").openSession(), 401);
    for (const token of ["amg_a", await issuer.createToken()]) {
      const client = new HttpClient(gateway, token);
      assert.equal(await client.openSession(), 200);
      const call = { server: "odd", tool: "count", args: {} };
      assert.equal(await client.callGatewayToolForOutcome("execute_tool", call), "ok");
    }
    const limitedClient = new HttpClient(gateway, "amg_b");
    assert.equal(await limitedClient.openSession(), 200);
    assert.equal(await limitedClient.callGatewayToolForOutcome("list_servers"), "ok");
    assert.equal(await limitedClient.callGatewayToolForOutcome("list_servers"), "RATE_LIMITED");
    assert.equal((await readMetrics(gateway, "wrong"))[0], 401);
    const [status, metrics] = await readMetrics(gateway, METRICS_TOKEN);
    assert.equal(status, 200);
    assert.match(metrics, /^# TYPE mcp_gateway_\w+/m);
    assert.match(metrics, /odd/);
  });

  Deno.test({
    name: `[install.shipped] two gateways count calls together in one Redis, from ${command}`,
    ignore: !HAS_REDIS,
    fn: async () => {
      await using redis = await RedisServer.start(findFreePort());
      const options = {
        command,
        rules: { agents: { a: { limits: { per_minute: 3 } } } },
        args: ["--agent", "a"],
        env: { GATEWAY_STATE: redis.url },
      };
      await using firstGateway = await startGateway(options);
      await using secondGateway = await startGateway(options);
      for (const gateway of [firstGateway, secondGateway, firstGateway]) {
        assert.deepEqual(await gateway.callGatewayToolForJson("list_servers"), []);
      }
      assert.equal((await secondGateway.expectRefusal("list_servers")).code, "RATE_LIMITED");
    },
  });
}
