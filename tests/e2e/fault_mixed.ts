import assert from "node:assert/strict";
import { faultServer, listProcesses, newMark, waitUntilGone } from "./fault_processes.ts";
import {
  type Fields,
  readRefusal,
  readSingleText,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";

const IN_FLIGHT = 64;
const SERVERS = ["red", "green", "blue"] as const;
const KILL_EVERY_MS = 200;

/** A call that is identified by its answer. */
interface Call {
  readonly name: string;
  readonly arguments: Fields;
  /** Throws unless this is the answer to this call, if its server was running. */
  readonly checkAnswer: (result: Fields) => void;
}

/** A mix of calls: most are answered immediately, some later than others that came after them. */
function makeCall(number: number): Call {
  const server = SERVERS[number % SERVERS.length] ?? "";
  const token = `${server} ${number}`;
  const execute = (tool: string, check: Call["checkAnswer"]): Call => {
    return {
      name: "execute_tool",
      arguments: { server, tool, args: { token } },
      checkAnswer: check,
    };
  };
  const isToken = (result: Fields): void => assert.equal(readSingleText(result), token);
  switch (number % 10) {
    case 6:
      return execute("later", isToken);
    case 7:
      return execute("garbage", isToken);
    case 8: {
      const check = (result: Fields): void => {
        const { server: listed, tools } = JSON.parse(readSingleText(result));
        assert.deepEqual([listed, tools], [server, [{ name: "pid" }]]);
      };
      const args = { server, names: "pid", detail: "names" };
      return { name: "get_server_tools", arguments: args, checkAnswer: check };
    }
    case 9:
      return execute(`no-${number}`, (result) => {
        const { code, message } = readRefusal(result);
        assert.equal(code, "TOOL_NOT_FOUND");
        assert.equal(message, `Server "${server}" has no tool "no-${number}".`);
      });
    default:
      return execute("echo", isToken);
  }
}

/** Whether the error names the call's server, because it was killed during the call. */
function isLost(result: Fields, call: Call): boolean {
  if (result.isError !== true) return false;
  const { code, message } = readRefusal(result);
  if (code !== "SERVER_UNAVAILABLE") return false;
  assert.ok(message.startsWith(`Server "${call.arguments.server}" is not available: `), message);
  return true;
}

/** Kills one server after the other until it is stopped; returns how many. */
async function killRepeatedly(
  gateway: RunningGateway,
  marks: readonly string[],
  isOver: () => boolean,
): Promise<number> {
  let kills = 0;
  for (let round = 0; !isOver(); round++) {
    await new Promise((resolve) => setTimeout(resolve, KILL_EVERY_MS));
    const mark = marks[round % marks.length] ?? "";
    const server = (await listProcesses()).find(({ parent, args }) => {
      return parent === gateway.program.pid && args.includes(mark);
    });
    if (server === undefined) continue;
    Deno.kill(server.pid, "SIGKILL");
    kills++;
  }
  return kills;
}

/**
 * Calls three servers in all ways while one of them is killed every 200 ms, and checks that every
 * call ends once: with its own answer, or with the error that names its server.
 *
 * @param calls Number of calls; 64 of them are in progress at a time.
 * @returns How many were lost, and the total time.
 */
export async function callWhileKilling(calls: number): Promise<string> {
  const marks = SERVERS.map(() => newMark());
  await using gateway = await startGateway({
    servers: Object.fromEntries(
      SERVERS.map((name, index) => [name, faultServer(marks[index] ?? "")]),
    ),
  });
  const { client } = gateway;
  let next = 0;
  let gone = 0;
  const ids: (string | number)[] = [];
  const callOn = async (): Promise<void> => {
    while (next < calls) {
      const { checkAnswer: check, ...params } = makeCall(next++);
      const id = client.newId();
      ids.push(id);
      const { result, error } = await client.request("tools/call", params, id);
      assert.equal(error, undefined);
      assert.ok(result);
      if (isLost(result, { checkAnswer: check, ...params })) gone++;
      else check(result);
    }
  };
  let isOver = false;
  const killing = killRepeatedly(gateway, marks, () => isOver);
  const since = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, callOn)).finally(() => isOver = true);
  const tookMs = performance.now() - since;
  const kills = await killing;
  const answers = new Map<unknown, number>();
  for (const { message: { id, method } } of client.receivedMessages) {
    if (method === undefined) answers.set(id, (answers.get(id) ?? 0) + 1);
  }
  assert.deepEqual(ids.filter((id) => answers.get(id) !== 1), [], "each is answered once");
  assert.equal(ids.length, calls);
  const figures = `${gone} of ${calls} calls lost in ${kills} kills, ${tookMs} ms`;
  assert.ok(kills >= 5 && gone > 0 && gone < calls / 5, figures);
  await gateway.end();
  for (const mark of marks) await waitUntilGone([], mark, 1000);
  return figures;
}
