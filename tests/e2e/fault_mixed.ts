import assert from "node:assert/strict";
import { faultServer, listProcesses, newMark, waitUntilGone } from "./fault_processes.ts";
import {
  type Fields,
  readRefusal,
  readSingleText,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";

const CONCURRENT_CALLS = 64;
const SERVERS = ["red", "green", "blue"] as const;

/** Number of calls after which a server is killed. Kills at fixed times would lose most calls on a slow machine. */
const KILL_EVERY_CALLS = 300;

/** A call, with a check that recognizes its answer. */
interface Call {
  readonly name: string;
  readonly arguments: Fields;
  /** Throws unless the result is the one that this call gets from a running server. */
  readonly checkAnswer: (result: Fields) => void;
}

/** Creates a call; its number selects the server and the tool. Servers answer some calls after later calls. */
function createCall(number: number): Call {
  const server = SERVERS[number % SERVERS.length] ?? "";
  const token = `${server} ${number}`;
  const callTool = (tool: string, checkAnswer: Call["checkAnswer"]): Call => {
    return {
      name: "execute_tool",
      arguments: { server, tool, args: { token } },
      checkAnswer,
    };
  };
  const checkToken = (result: Fields): void => assert.equal(readSingleText(result), token);
  switch (number % 10) {
    case 6:
      return callTool("later", checkToken);
    case 7:
      return callTool("garbage", checkToken);
    case 8: {
      const check = (result: Fields): void => {
        const { server: listed, tools } = JSON.parse(readSingleText(result));
        assert.deepEqual([listed, tools], [server, [{ name: "pid" }]]);
      };
      const args = { server, names: "pid", detail: "names" };
      return { name: "get_server_tools", arguments: args, checkAnswer: check };
    }
    case 9:
      return callTool(`no-${number}`, (result) => {
        const { code, message } = readRefusal(result);
        assert.equal(code, "TOOL_NOT_FOUND");
        assert.equal(message, `Server "${server}" has no tool "no-${number}".`);
      });
    default:
      return callTool("echo", checkToken);
  }
}

/** Whether the call failed because its server was killed; checks that the error names the server. */
function isLost(result: Fields, call: Call): boolean {
  if (result.isError !== true) return false;
  const { code, message } = readRefusal(result);
  if (code !== "SERVER_UNAVAILABLE") return false;
  assert.ok(message.startsWith(`Server "${call.arguments.server}" is not available: `), message);
  return true;
}

/** Kills the process of the server with a mark; returns whether there was one. */
async function killMarked(gateway: RunningGateway, mark: string): Promise<boolean> {
  const server = (await listProcesses()).find(({ parent, args }) => {
    return parent === gateway.program.pid && args.includes(mark);
  });
  if (server !== undefined) Deno.kill(server.pid, "SIGKILL");
  return server !== undefined;
}

/**
 * Makes a mix of calls to three servers while one after the other is killed, and checks that every
 * call is answered once: with the answer to exactly this call, or with the error that its server is not available.
 *
 * @param calls Number of calls; 64 of them are in progress at a time.
 * @returns The number of lost calls and the total time, for people to read.
 */
export async function callWhileKilling(calls: number): Promise<string> {
  const marks = SERVERS.map(() => newMark());
  await using gateway = await startGateway({
    servers: Object.fromEntries(
      SERVERS.map((name, index) => [name, faultServer(marks[index] ?? "")]),
    ),
  });
  const { client } = gateway;
  let nextNumber = 0;
  let lostCalls = 0;
  let kills = 0;
  const ids: (string | number)[] = [];
  const makeCalls = async (): Promise<void> => {
    while (nextNumber < calls) {
      const number = nextNumber++;
      if (number % KILL_EVERY_CALLS === KILL_EVERY_CALLS - 1) {
        const mark = marks[kills % marks.length] ?? "";
        if (await killMarked(gateway, mark)) kills++;
      }
      const call = createCall(number);
      const { checkAnswer, ...params } = call;
      const id = client.newId();
      ids.push(id);
      const { result, error } = await client.request("tools/call", params, id);
      assert.equal(error, undefined);
      assert.ok(result);
      if (isLost(result, call)) lostCalls++;
      else checkAnswer(result);
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: CONCURRENT_CALLS }, makeCalls));
  const tookMs = performance.now() - startedMs;
  const answerCounts = new Map<unknown, number>();
  for (const { message: { id, method } } of client.receivedMessages) {
    if (method === undefined) answerCounts.set(id, (answerCounts.get(id) ?? 0) + 1);
  }
  assert.deepEqual(
    ids.filter((id) => answerCounts.get(id) !== 1),
    [],
    "every call is answered once",
  );
  assert.equal(ids.length, calls);
  const figures = `${lostCalls} of ${calls} calls lost in ${kills} kills, ${tookMs} ms`;
  assert.ok(kills >= 5 && lostCalls > 0 && lostCalls < calls / 5, figures);
  await gateway.end();
  for (const mark of marks) await waitUntilGone([], mark, 1000);
  return figures;
}
