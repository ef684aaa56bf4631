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

/** The stages of a call that changes something, each as a condition for the kill. */
const STAGES: Readonly<Record<string, (call: WatchedCall) => boolean>> = {
  sent: () => true,
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
}

/**
 * Kills a gateway with SIGKILL when one of its calls reaches a stage, and checks that the audit log has a line of
 * each call that reached the server, and the end of each call that was answered.
 *
 * @returns The number of calls that reached the server.
 */
export async function killDuringChangingCall(stage: string): Promise<number> {
  const folder = Deno.makeTempDirSync();
  const journal = join(folder, "journal");
  const permissions = [`--allow-write=${folder}`, "--quiet", "--no-config", "--no-lock"];
  const args = ["run", ...permissions, JOURNAL_SERVER, journal];
  const gateway = await startGateway({ servers: { odd: { command: Deno.execPath(), args } } });
  try {
    await gateway.callGatewayTool("execute_tool", { server: "odd", tool: "change", args: {} });
    const marks = Array.from({ length: IN_FLIGHT }, (_, number) => `call-${number}`);
    for (const mark of marks) {
      const params = executeToolParams("odd", "change", { mark });
      gateway.client.request("tools/call", params, mark).catch(() => {});
    }
    const hasReached = STAGES[stage] ?? assert.fail();
    const mark = marks[Math.floor(Math.random() * IN_FLIGHT)] ?? "";
    await waitUntil(`a call is ${stage}`, () => hasReached({ gateway, journal, mark }));
    gateway.program.sendSignal("SIGKILL");
    await gateway.program.waitForEnd();
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
    return received.length;
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
