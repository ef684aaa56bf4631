import assert from "node:assert/strict";
import { executeParams, oddServer, startGateway } from "./gateway.ts";
import { commandWords, GATEWAY_COMMAND } from "./gateway_command.ts";
import { Setup } from "./setup.ts";
import { until } from "./until.ts";

Deno.test("[audit.before-answer] an operation is logged although its batch is unfinished", async () => {
  const gateway = await startGateway({ servers: { odd: oddServer() } });
  try {
    await gateway.text("odd", "echo");
    const call = (id: number, tool: string) => ({
      jsonrpc: "2.0",
      id,
      method: "tools/call",
      params: executeParams("odd", tool, {}),
    });
    const batch = [call(1001, "echo"), call(1002, "echo"), call(1003, "wait")];
    await gateway.client.send(JSON.stringify(batch));
    await until("both are on record", () => {
      const ids = gateway.audit().map(({ request_id }) => request_id);
      return ids.includes(1001) && ids.includes(1002);
    });
  } finally {
    await gateway.kill();
  }
});

Deno.test("[audit.before-answer] an operation is logged although its client does not read", async () => {
  const COUNT = 100;
  const setup = new Setup({ servers: { odd: oddServer() } });
  const [command = "", ...words] = await commandWords(GATEWAY_COMMAND);
  const gateway = new Deno.Command(command, {
    args: [...words, "--agent", "tester"],
    cwd: setup.folder,
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
    await ask(2, "tools/call", executeParams("odd", "big", { length: 2_000_000 }));
    await until("the large one is on record", () => {
      return hasAudit(setup) && setup.audit().length > 0;
    });
    for (let id = 100; id < 100 + COUNT; id++) {
      await ask(id, "tools/call", executeParams("odd", "echo", { id }));
    }
    await until("all are on record", () => setup.audit().length === 1 + COUNT);
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
    const params = JSON.stringify(executeParams("odd", "echo", {}));
    const text = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`;
    await gateway.client.send(text);
  }
  // Parsed as JSON, line by line.
  await until("all are on record", () => gateway.audit().length === 4);
  assert.deepEqual(
    gateway.audit().map(({ request_id }) => typeof request_id).filter((type) => type === "string"),
    [],
  );
});

function hasAudit(setup: Setup): boolean {
  try {
    setup.audit();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
