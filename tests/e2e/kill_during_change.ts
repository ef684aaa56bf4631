import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { executeToolParams, type RunningGateway, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const JOURNAL_SERVER = fileURLToPath(
  new URL("../fixtures/servers/journal_server.ts", import.meta.url),
);

/** Number of calls in flight at the kill. */
const IN_FLIGHT = 8;

/** Maximum time from the last request to a kill in the stage `sent`, in which a gateway records and forwards it. */
const SENT_MS = 6;

/** The stages of a call that changes something, each as a condition for the kill. */
const STAGES: Readonly<Record<string, (call: WatchedCall) => boolean>> = {
  sent: ({ killMs }) => performance.now() >= killMs,
  recorded: ({ gateway, mark }) => {
    return gateway.setup.readAuditFile().some(({ request_id }) => request_id === mark);
  },
  received: ({ journal, mark }) => readJournal(journal).includes(`received ${mark}`),
  done: ({ journal, mark }) => readJournal(journal).includes(`done ${mark}`),
  answered: ({ gateway, mark }) => {
    return gateway.client.receivedMessages.some(({ message }) => message.id === mark);
  },
};

/** Names of the stages, in the order in which a call passes them. */
export const KILL_STAGES: readonly string[] = Object.keys(STAGES);

interface WatchedCall {
  readonly gateway: RunningGateway;
  /** Path of the server's journal. */
  readonly journal: string;
  /** The request id, which is in the journal, too. */
  readonly mark: string;
  /** A random time shortly after the last request was sent. */
  readonly killMs: number;
}

/** The calls at a kill. */
export interface KilledCalls {
  /** Number of calls that reached the server. */
  readonly receivedCount: number;
  /** The last stage that the watched call had passed. */
  readonly lastStage: string;
}

/**
 * Kills a gateway with SIGKILL when one of its calls reaches a stage, and checks that the audit log has a line of
 * each call that reached the server, and the end of each call that was answered.
 */
export async function killDuringChangingCall(stage: string): Promise<KilledCalls> {
  const folder = Deno.makeTempDirSync();
  const journal = join(folder, "journal");
  const permissions = [`--allow-write=${folder}`, "--quiet", "--no-config", "--no-lock"];
  const args = ["run", ...permissions, JOURNAL_SERVER, journal];
  const gateway = await startGateway({ servers: { odd: { command: Deno.execPath(), args } } });
  try {
    await gateway.callGatewayTool("execute_tool", { server: "odd", tool: "change", args: {} });
    const marks = Array.from({ length: IN_FLIGHT }, (_, number) => `call-${number}`);
    await Promise.all(marks.map(async (id) => {
      const params = executeToolParams("odd", "change", { mark: id });
      await gateway.client.sendLine(
        JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params }),
      );
    }));
    const hasReached = STAGES[stage] ?? assert.fail();
    const mark = marks[Math.floor(Math.random() * IN_FLIGHT)] ?? "";
    const killMs = performance.now() + Math.random() * SENT_MS;
    const call = { gateway, journal, mark, killMs };
    await waitUntil(`a call is ${stage}`, () => hasReached(call), undefined, 0);
    gateway.program.sendSignal("SIGKILL");
    const lastStage = KILL_STAGES.findLast((name) => STAGES[name]?.(call)) ?? "";
    await gateway.program.waitForEnd();
    // The server may still have requests to read.
    await waitUntil("the server has ended", async () => {
      return (await gateway.setup.listProcessIds()).length === 0;
    });
    const received = readJournal(journal).flatMap((line) =>
      /^received (call-.*)/.exec(line)?.[1] ?? []
    );
    const answered = gateway.client.receivedMessages.map(({ message }) => message)
      .flatMap(({ id, result }) => result === undefined ? [] : [String(id)])
      .filter((id) => marks.includes(id));
    const entries = gateway.setup.readAuditFile();
    const idsOf = (phase: string) => {
      return new Set(entries.filter((line) => line.phase === phase).map((line) => line.request_id));
    };
    const [begun, ended] = [idsOf("begun"), idsOf("ended")];
    assert.deepEqual(received.filter((id) => !begun.has(id)), [], "calls without a record");
    assert.deepEqual(answered.filter((id) => !ended.has(id)), [], "answers without a record");
    return { receivedCount: received.length, lastStage };
  } finally {
    await gateway.kill();
    Deno.removeSync(folder, { recursive: true });
  }
}

function readJournal(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).split("\n");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
