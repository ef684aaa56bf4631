import assert from "node:assert/strict";
import { misbehavingServer, startGateway } from "./gateway.ts";
import { OtlpReceiver } from "./otlp_receiver.ts";
import { denoArgsWithTraps } from "./trapped_libraries.ts";

/** Exit code and output of the gateway. */
interface EndedGateway {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the gateway from source, with a trap in place of the library for traces; a client calls two tools. */
async function runWithTrap(env: Record<string, string>): Promise<EndedGateway> {
  const folder = Deno.makeTempDirSync();
  try {
    const rules = { agents: { a: { allow: { servers: ["odd"] } } } };
    Deno.writeTextFileSync(
      `${folder}/mcp.json`,
      JSON.stringify({ mcpServers: { odd: misbehavingServer() } }),
    );
    Deno.writeTextFileSync(`${folder}/rules.json`, JSON.stringify(rules));
    const trapArgs = denoArgsWithTraps("src/main.ts", folder, "@opentelemetry/api");
    const gatewayArgs = [
      "--mcp-config",
      "mcp.json",
      "--rules",
      "rules.json",
      "--agent",
      "a",
      "--debug",
    ];
    const child = new Deno.Command(Deno.execPath(), {
      args: [...trapArgs, ...gatewayArgs],
      cwd: folder,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    const initialize = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "raw", version: "1" },
    };
    const call = {
      name: "execute_tool",
      arguments: { server: "odd", tool: "count", args: {} },
    };
    const lines = [
      { jsonrpc: "2.0", id: 1, method: "initialize", params: initialize },
      { jsonrpc: "2.0", method: "notifications/initialized" },
      { jsonrpc: "2.0", id: 2, method: "tools/call", params: call },
      { jsonrpc: "2.0", id: 3, method: "tools/call", params: { name: "get_gateway_status" } },
    ];
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    // The write fails if the trap has ended the gateway.
    await writer.write(new TextEncoder().encode(text)).catch(() => {});
    await writer.close().catch(() => {});
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("[trace.off] without OTEL_DENO the library for traces is not loaded", async () => {
  const { code, stdout, stderr } = await runWithTrap({ OTEL_DENO: "false" });
  assert.equal(code, 0, stderr);
  assert.equal(stdout.trimEnd().split("\n").length, 3, `three answers: ${stdout}`);
  assert.doesNotMatch(stderr, /was loaded/);
});

Deno.test("[trace.off] with OTEL_DENO the library is loaded, so the trap of the previous test works", async () => {
  await using receiver = new OtlpReceiver();
  const { code, stderr } = await runWithTrap(receiver.env);
  assert.notEqual(code, 0);
  assert.match(stderr, /@opentelemetry\/api was loaded/);
});

Deno.test("[trace.off] without OTEL_DENO, the client's trace context is passed on unchanged", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    env: { OTEL_DENO: "false" },
  });
  const meta = {
    traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-00`,
    tracestate: "vendor=one",
    baggage: "user=1",
  };
  const args = { server: "odd", tool: "echo", args: {} };
  const result = await gateway.callGatewayTool("execute_tool", args, meta);
  const [{ text }] = result.content as [{ text: string }];
  const { progressToken: _, ...receivedMeta } = JSON.parse(text).params._meta;
  assert.deepEqual(receivedMeta, meta);
});
