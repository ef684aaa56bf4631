import assert from "node:assert/strict";
import { startOldSdk, startOldSdkSse } from "../downstream/remote/sdk_servers.ts";
import { misbehavingServer, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

/** Returns a port on which no program listens. */
function findUnusedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

Deno.test("remote servers work behind the gateway", async (t) => {
  await using http = await startOldSdk();
  await using sse = await startOldSdkSse();
  const deadPort = findUnusedPort();
  {
    await using gateway = await startGateway({
      args: ["--agent", "tester", "--debug"],
      env: { NO_PROXY: "127.0.0.1", TOKEN: "canary-1c5e" },
      servers: {
        http: { url: http.url, headers: { "X-Token": "${TOKEN}" } },
        sse: { url: sse.url },
        dead: { url: `http://127.0.0.1:${deadPort}/mcp?key=\${TOKEN}`, type: "http" },
        odd: misbehavingServer(),
      },
    });

    await t.step(
      "[servers.remote-fallback] [remote.sdk-servers] tools are listed and called",
      async () => {
        for (const server of ["http", "sse"]) {
          const { tools, total_available } = await gateway.callGatewayToolForJson<{
            tools: { name: string; annotations: unknown }[];
            total_available: number;
          }>("get_server_tools", { server });
          assert.equal(total_available, 4);
          assert.deepEqual(tools[0]?.annotations, { title: "progress" });
          assert.equal(await gateway.callServerToolForText(server, "plain"), "plain");
        }
      },
    );

    await t.step(
      "[errors.unreachable] [servers.harms-no-other] an unreachable server is reported, and others answer",
      async () => {
        for (const operation of ["get_server_tools", "execute_tool"]) {
          const args = operation === "execute_tool" ? { tool: "x", args: {} } : {};
          const { code, message } = await gateway.expectRefusal(operation, {
            server: "dead",
            ...args,
          });
          assert.equal(code, "SERVER_UNAVAILABLE");
          const expected =
            `Server "dead" is not available: the connection to 127.0.0.1:${deadPort} was ` +
            "refused; check that the server runs and its url is right.";
          assert.equal(message, expected);
        }
        assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
        assert.equal(await gateway.callServerToolForText("http", "plain"), "plain");
      },
    );

    await t.step(
      "[remote.session-gone] a call succeeds although the server has lost its sessions",
      async () => {
        http.forgetSessions();
        assert.equal(await gateway.callServerToolForText("http", "plain"), "plain");
      },
    );

    await t.step(
      "[errors.no-secrets] answers, audit log and log contain no secret, and the status has no process id of a remote server",
      async () => {
        const status = await gateway.callGatewayToolForJson<
          { servers: Record<string, { state: string; pids: [] }> }
        >(
          "get_gateway_status",
        );
        assert.equal(status.servers.http?.state, "ready");
        assert.deepEqual(status.servers.http?.pids, []);
        assert.equal(status.servers.dead?.state, "broken");
        const answers = gateway.client.receivedMessages.map(({ text }) => text).join("\n");
        const audit = JSON.stringify(gateway.readAuditLog());
        for (const text of [answers, audit, gateway.program.stderr]) {
          assert.equal(text.includes("canary"), false);
        }
      },
    );
  }
  await waitUntil(
    "the gateway has ended its sessions",
    () => http.sessions.size + sse.sessions.size === 0,
  );
});
