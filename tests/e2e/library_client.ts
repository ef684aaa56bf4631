import assert from "node:assert/strict";
import {
  misbehavingServer,
  offeringServer,
  readRefusal,
  readSingleText,
  waitForListeningUrl,
} from "./gateway.ts";
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
  /** Lists the URIs or names of a kind. */
  list(kind: "resources" | "templates" | "prompts"): Promise<string[]>;
  readResource(uri: string): Promise<{ readonly contents: readonly unknown[] }>;
  subscribe(uri: string): Promise<unknown>;
  unsubscribe(uri: string): Promise<unknown>;
  getPrompt(
    name: string,
    args: Record<string, string>,
  ): Promise<{ readonly messages: readonly unknown[] }>;
  complete(
    ref: CompletionReference,
    argument: { readonly name: string; readonly value: string },
  ): Promise<{ readonly completion: { readonly values: readonly string[] } }>;
  /** Methods and URIs of the notifications received so far. */
  readonly notifications: readonly string[];
  close(): Promise<void>;
}

/** The prompt or template whose argument is completed. */
export type CompletionReference =
  | { readonly type: "ref/prompt"; readonly name: string }
  | { readonly type: "ref/resource"; readonly uri: string };

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

/** A face of the gateway: its servers, its arguments, and the use that a client makes of it. */
interface Face {
  readonly servers: Readonly<Record<string, unknown>>;
  readonly args: readonly string[];
  check(client: LibraryClient): Promise<void>;
}

/** The faces of the gateway. */
export const FACES: Readonly<Record<"meta" | "direct", Face>> = {
  meta: { servers: { odd: misbehavingServer() }, args: [], check: checkAgentSession },
  direct: {
    servers: { first: offeringServer("--name=first") },
    args: ["--face", "direct"],
    check: checkDirectSession,
  },
};

/** Connects a client library to a new gateway over stdio, uses a face, and checks that the gateway ends with the client. */
export async function runAgentSession(
  connect: (launch: LaunchOptions) => Promise<LibraryClient>,
  face: Face = FACES.meta,
) {
  const [command, ...commandArgs] = await gatewayCommandLine(GATEWAY_COMMAND);
  const setup = new Setup({ servers: face.servers });
  try {
    const args = [...commandArgs, "--agent", "tester", ...face.args];
    const client = await connect({ command, args, cwd: setup.workingFolder, env: setup.env });
    try {
      await face.check(client);
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

/** Connects a client library to a new gateway over HTTP, and uses a face. */
export async function runAgentSessionOverHttp(
  connect: (url: URL) => Promise<LibraryClient>,
  face: Face = FACES.meta,
) {
  const [command, ...commandArgs] = await gatewayCommandLine(GATEWAY_COMMAND);
  const setup = new Setup({ servers: face.servers, env: INFO_LOG_ENV });
  const httpArgs = ["--transport", "http", "--port", "0"];
  const args = [...commandArgs, "--agent", "tester", ...httpArgs, ...face.args];
  const program = new Program({ command, args, cwd: setup.workingFolder, env: setup.env });
  try {
    const client = await connect(new URL(await waitForListeningUrl(program)));
    try {
      await face.check(client);
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

async function checkDirectSession(client: LibraryClient): Promise<void> {
  await waitUntil(
    "the server's tools are listed",
    async () => (await client.listTools()).some(({ name }) => name === "first__crash"),
  );
  const echo = await client.callTool("first__echo", { text: "é😀" });
  assert.deepEqual(JSON.parse(readSingleText(echo)).params.arguments, { text: "é😀" });

  const uri = "own://first";
  assert.ok((await client.list("resources")).includes(uri));
  assert.ok((await client.list("templates")).includes(`${uri}/{path}`));
  assert.ok((await client.list("prompts")).includes("first__greet"));
  for (const readUri of [uri, `${uri}/x`, "note://one"]) {
    const { contents } = await client.readResource(readUri);
    assert.equal((contents[0] as Fields).text, `first read ${readUri}`);
  }
  assert.ok("blob" in ((await client.readResource("note://blob")).contents[0] as Fields));
  await assert.rejects(client.readResource("nowhere://x"), /-32002|nowhere/);

  const { messages } = await client.getPrompt("first__greet", { who: "é" });
  assert.match(JSON.stringify(messages), /first greet/);
  await assert.rejects(client.getPrompt("first__none", {}));
  const argument = { name: "who", value: "x" };
  for (
    const ref of [
      { type: "ref/prompt", name: "first__greet" },
      { type: "ref/resource", uri: `${uri}/{path}` },
    ] as const
  ) assert.equal((await client.complete(ref, argument)).completion.values[0], "first");

  const waitForNotification = (notification: string) => {
    return waitUntil(
      `${notification} has arrived`,
      () => client.notifications.includes(notification),
    );
  };
  await client.subscribe(uri);
  await client.callTool("first__update", { uri });
  await waitForNotification(`notifications/resources/updated ${uri}`);
  await client.unsubscribe(uri);
  await client.callTool("first__change", { kind: "resources", name: "new://resource" });
  await waitForNotification("notifications/resources/list_changed");
  await client.callTool("first__change", { kind: "prompts", name: "new" });
  await waitForNotification("notifications/prompts/list_changed");
  await client.callTool("first__change", { kind: "tools", name: "new" });
  await waitForNotification("notifications/tools/list_changed");
  assert.ok((await client.list("resources")).includes("new://resource"));
  assert.ok((await client.list("prompts")).includes("first__new"));
  assert.ok((await client.listTools()).some(({ name }) => name === "first__new"));
}
