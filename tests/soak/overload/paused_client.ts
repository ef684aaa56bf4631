import { executeToolParams } from "../../e2e/gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "../../e2e/gateway_command.ts";
import { Setup } from "../../e2e/setup.ts";
import { hostileServer } from "./fixture_process.ts";

/** Time between two calls, in milliseconds; the server sends messages for five seconds during each. */
const INTERVAL_MS = 6000;

/**
 * Starts a gateway over stdio whose client makes calls during which the server sends log messages, and reads
 * nothing. Only the memory of this gateway is measured. Like the attackers, it has low priority, so that it takes no core
 * from the gateway whose latency is measured.
 *
 * @param env The environment of the gateway.
 */
export async function startPausedClient(
  env: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { readonly pid: number }> {
  const [command, ...commandArgs] = await gatewayCommandLine(GATEWAY_COMMAND);
  const setup = new Setup({ servers: { hostile: hostileServer() }, env });
  const child = new Deno.Command("nice", {
    args: ["-n", "19", command, ...commandArgs, "--agent", "tester"],
    cwd: setup.workingFolder,
    env: setup.env,
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  const send = async (message: Readonly<Record<string, unknown>>): Promise<void> => {
    const line = `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`;
    // The write fails when the gateway has ended.
    await input.write(new TextEncoder().encode(line)).catch(() => {});
  };
  const clientInfo = { name: "paused", version: "1" };
  const initialize = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
  await send({ id: 0, method: "initialize", params: initialize });
  await send({ method: "notifications/initialized" });
  let id = 1;
  const timer = setInterval(() => {
    void send({ id: id++, method: "tools/call", params: executeToolParams("hostile", "log") });
  }, INTERVAL_MS);
  return {
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      child.kill("SIGKILL");
      await child.stdout.cancel();
      await input.close().catch(() => {});
      await child.status;
      // A server may still be running: it is killed with its gateway.
      await setup.close(5000).catch(() => {});
    },
  };
}
