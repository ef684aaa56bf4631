import assert from "node:assert/strict";
import { misbehavingServer, readRefusal, readSingleText, waitForListeningUrl } from "./gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import { type Fields } from "./raw_client.ts";
import { INFO_LOG_ENV, Setup } from "./setup.ts";
import { waitUntil } from "./wait.ts";

/** The methods of an MCP client library from npm that the tests use. */
export interface LibraryClient {
  instructions(): string | undefined;
  listTools(): Promise<{ readonly name: string; readonly _meta?: unknown }[]>;
  callTool(name: string, args: Fields, options?: CallOptions): Promise<Fields>;
  close(): Promise<void>;
}

/** Options of a tool call. */
export interface CallOptions {
  readonly onprogress?: (progress: { progress: number }) => void;
  readonly signal?: AbortSignal;
}

/** The command that a client starts to connect to the gateway over stdio. */
export interface LaunchOptions {
  readonly command: string;
  readonly args: string[];
  readonly cwd: string;
  readonly env: Record<string, string>;
}

/** Connects a client library to a new gateway over stdio, uses all three tools, and checks that the gateway ends with the client. */
export async function runAgentSession(connect: (launch: LaunchOptions) => Promise<LibraryClient>) {
  const [command, ...commandArgs] = await gatewayCommandLine(GATEWAY_COMMAND);
  const setup = new Setup({ servers: { odd: misbehavingServer() } });
  try {
    const args = [...commandArgs, "--agent", "tester"];
    const client = await connect({ command, args, cwd: setup.workingFolder, env: setup.env });
    try {
      await checkAgentSession(client);
      if (Deno.build.os === "linux") assert.ok((await setup.listProcessIds()).length >= 2);
    } finally {
      await client.close();
    }
    await waitUntil(
      "no process of the gateway is left",
      async () => (await setup.listProcessIds()).length === 0,
      2000,
    );
    assert.ok(setup.readAuditLog().length >= 6);
  } finally {
    await setup.close();
  }
}

/** Connects a client library to a new gateway over HTTP, and uses all three tools. */
export async function runAgentSessionOverHttp(connect: (url: URL) => Promise<LibraryClient>) {
  const [command, ...commandArgs] = await gatewayCommandLine(GATEWAY_COMMAND);
  const setup = new Setup({ servers: { odd: misbehavingServer() }, env: INFO_LOG_ENV });
  const args = [...commandArgs, "--agent", "tester", "--transport", "http", "--port", "0"];
  const program = new Program({ command, args, cwd: setup.workingFolder, env: setup.env });
  try {
    const client = await connect(new URL(await waitForListeningUrl(program)));
    try {
      await checkAgentSession(client);
    } finally {
      await client.close();
    }
    assert.ok(setup.readAuditLog().length >= 6);
    program.sendSignal("SIGTERM");
    assert.equal((await program.waitForEnd()).code, 0, program.stderr);
  } finally {
    program.sendSignal("SIGKILL");
    await setup.close();
  }
}

async function checkAgentSession(client: LibraryClient): Promise<void> {
  const callOddTool = (tool: string, args: Fields, options?: CallOptions) => {
    return client.callTool("execute_tool", { server: "odd", tool, args }, options);
  };
  assert.match(client.instructions() ?? "", /list_servers/);
  const tools = await client.listTools();
  assert.deepEqual(tools.map(({ name }) => name), [
    "list_servers",
    "get_server_tools",
    "execute_tool",
  ]);
  const { structuredContent, ...list } = await client.callTool("list_servers", {});
  assert.equal(readSingleText(list), '[{"name":"odd"}]');
  assert.deepEqual(structuredContent, { servers: [{ name: "odd" }] });

  const { params } = JSON.parse(readSingleText(await callOddTool("echo", { text: "é😀" })));
  assert.deepEqual(params.arguments, { text: "é😀" });
  assert.equal((await callOddTool("fails", {})).isError, true);

  // The client libraries lose progress that arrives in one chunk with the answer; `slow_progress` answers 50 ms later.
  const progressValues: number[] = [];
  const onprogress = ({ progress }: { progress: number }) => void progressValues.push(progress);
  await callOddTool("slow_progress", { every_ms: 50, times: 3 }, { onprogress });
  assert.deepEqual(progressValues, [1, 2, 3]);

  const { code } = readRefusal(await callOddTool("no_such_tool", {}));
  assert.equal(code, "TOOL_NOT_FOUND");
  await assert.rejects(client.callTool("no_such_tool", {}), /Unknown tool/);

  const controller = new AbortController();
  const cancelled = assert.rejects(callOddTool("wait", {}, { signal: controller.signal }));
  const waitForWaitingCalls = (count: string) => {
    return waitUntil(
      `${count} calls wait at the server`,
      async () => readSingleText(await callOddTool("waiting", {})) === count,
    );
  };
  await waitForWaitingCalls("1");
  controller.abort("enough");
  await cancelled;
  await waitForWaitingCalls("0");

  const concurrentCalls = Array.from({ length: 100 }, (_, n) => callOddTool("echo", { n }));
  for (const [n, result] of (await Promise.all(concurrentCalls)).entries()) {
    assert.equal(JSON.parse(readSingleText(result)).params.arguments.n, n);
  }
}
