import assert from "node:assert/strict";
import { executeToolParams, misbehavingServer, startGateway } from "./gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Setup } from "./setup.ts";
import { waitUntil } from "./wait.ts";

Deno.test("[audit.before-answer] an operation is logged before its batch is finished", async () => {
  // Only this revision has batches.
  const initialize = { protocolVersion: "2025-03-26" };
  const gateway = await startGateway({ servers: { odd: misbehavingServer() }, initialize });
  try {
    await gateway.callServerToolForText("odd", "echo");
    const call = (id: number, tool: string) => ({
      jsonrpc: "2.0",
      id,
      method: "tools/call",
      params: executeToolParams("odd", tool, {}),
    });
    const batch = [call(1001, "echo"), call(1002, "echo"), call(1003, "wait")];
    await gateway.client.sendLine(JSON.stringify(batch));
    await waitUntil("both operations are logged", () => {
      const ids = gateway.readAuditLog().map(({ request_id }) => request_id);
      return ids.includes(1001) && ids.includes(1002);
    });
  } finally {
    await gateway.kill();
  }
});

Deno.test("[audit.before-answer] an operation is logged although its client does not read", async () => {
  const CALL_COUNT = 100;
  const setup = new Setup({ servers: { odd: misbehavingServer() } });
  const [command = "", ...words] = await gatewayCommandLine(GATEWAY_COMMAND);
  const gateway = new Deno.Command(command, {
    args: [...words, "--agent", "tester"],
    cwd: setup.workingFolder,
    env: setup.env,
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = gateway.stdout.getReader();
  const input = gateway.stdin.getWriter();
  const sendMessage = async (message: Readonly<Record<string, unknown>>): Promise<void> => {
    await input.write(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
  };
  const sendRequest = (id: number, method: string, params: Readonly<Record<string, unknown>>) => {
    return sendMessage({ jsonrpc: "2.0", id, method, params });
  };
  try {
    const clientInfo = { name: "unread", version: "1" };
    const initializeParams = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
    await sendRequest(1, "initialize", initializeParams);
    await output.read();
    await sendMessage({ jsonrpc: "2.0", method: "notifications/initialized" });
    // The answer is larger than all pipes on its way, so no later answer can leave the gateway.
    await sendRequest(2, "tools/call", executeToolParams("odd", "big", { length: 2_000_000 }));
    await waitUntil("the large call is logged", () => {
      return hasAuditLog(setup) && setup.readAuditLog().length > 0;
    });
    for (let id = 100; id < 100 + CALL_COUNT; id++) {
      await sendRequest(id, "tools/call", executeToolParams("odd", "echo", { id }));
    }
    await waitUntil(
      "all operations are logged",
      () => setup.readAuditLog().length === 1 + CALL_COUNT,
    );
  } finally {
    gateway.kill("SIGKILL");
    await gateway.status;
    await input.abort().catch(() => {});
    await output.cancel().catch(() => {});
    await setup.close(5000);
  }
});

Deno.test("[audit.fields] for any number as a request's id, the line is valid JSON and the id is not a string", async () => {
  await using gateway = await startGateway({ servers: { odd: misbehavingServer() } });
  for (const id of ["1e400", "-1e400", "12345678901234567890", "1.5"]) {
    const params = JSON.stringify(executeToolParams("odd", "echo", {}));
    const text = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`;
    await gateway.client.sendLine(text);
  }
  // `readAuditLog` parses each line.
  await waitUntil("all operations are logged", () => gateway.readAuditLog().length === 4);
  assert.deepEqual(
    gateway.readAuditLog().map(({ request_id }) => typeof request_id).filter((type) =>
      type === "string"
    ),
    [],
  );
});

function hasAuditLog(setup: Setup): boolean {
  try {
    setup.readAuditLog();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
