import assert from "node:assert/strict";
import { executeToolParams, oddServer, startGateway } from "./gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Setup } from "./setup.ts";
import { waitUntil } from "./wait.ts";

Deno.test("[audit.before-answer] an operation is logged although its batch is unfinished", async () => {
  const gateway = await startGateway({ servers: { odd: oddServer() } });
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
    await waitUntil("both are on record", () => {
      const ids = gateway.readAuditLog().map(({ request_id }) => request_id);
      return ids.includes(1001) && ids.includes(1002);
    });
  } finally {
    await gateway.kill();
  }
});

Deno.test("[audit.before-answer] an operation is logged although its client does not read", async () => {
  const COUNT = 100;
  const setup = new Setup({ servers: { odd: oddServer() } });
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
  const say = async (message: Readonly<Record<string, unknown>>): Promise<void> => {
    await input.write(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
  };
  const ask = (id: number, method: string, params: Readonly<Record<string, unknown>>) => {
    return say({ jsonrpc: "2.0", id, method, params });
  };
  try {
    const clientInfo = { name: "unread", version: "1" };
    const introduction = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
    await ask(1, "initialize", introduction);
    await output.read();
    await say({ jsonrpc: "2.0", method: "notifications/initialized" });
    // More than all pipes on the path can hold: from now on no answer leaves.
    await ask(2, "tools/call", executeToolParams("odd", "big", { length: 2_000_000 }));
    await waitUntil("the large one is on record", () => {
      return hasAudit(setup) && setup.readAuditLog().length > 0;
    });
    for (let id = 100; id < 100 + COUNT; id++) {
      await ask(id, "tools/call", executeToolParams("odd", "echo", { id }));
    }
    await waitUntil("all are on record", () => setup.readAuditLog().length === 1 + COUNT);
  } finally {
    gateway.kill("SIGKILL");
    await gateway.status;
    await input.abort().catch(() => {});
    await output.cancel().catch(() => {});
    await setup.close(5000);
  }
});

Deno.test("[audit.fields] a line is one JSON value for any number as the request's id", async () => {
  await using gateway = await startGateway({ servers: { odd: oddServer() } });
  for (const id of ["1e400", "-1e400", "12345678901234567890", "1.5"]) {
    const params = JSON.stringify(executeToolParams("odd", "echo", {}));
    const text = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`;
    await gateway.client.sendLine(text);
  }
  // Parsed as JSON, line by line.
  await waitUntil("all are on record", () => gateway.readAuditLog().length === 4);
  assert.deepEqual(
    gateway.readAuditLog().map(({ request_id }) => typeof request_id).filter((type) =>
      type === "string"
    ),
    [],
  );
});

function hasAudit(setup: Setup): boolean {
  try {
    setup.readAuditLog();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
