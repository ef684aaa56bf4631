import assert from "node:assert/strict";
import { listProcesses } from "./fault_processes.ts";
import { executeToolParams, readRefusal, readSingleText, startGateway } from "./gateway.ts";
import type { Fields, RunningGateway } from "./gateway.ts";
import { CONFIG_FILES, namedServer, readStatus } from "./config_edits.ts";
import { waitUntil } from "./wait.ts";

const CONCURRENT_CALLS = 64;

/** Maximum number of events in the message of a failure. */
const MAX_SHOWN_EVENTS = 40;

/** The configuration that one pair of valid files describes. */
interface ConfigState {
  /** Number in the name that the server `changing` returns. */
  readonly version: number;
  /** Whether the servers file has the server `optional`. */
  readonly hasOptional: boolean;
  /** Whether the rules deny the tool `other` of the server `stable`. */
  readonly isDenied: boolean;
}

type ConfigFile = keyof typeof CONFIG_FILES;

/** The states of all valid files written so far, and the events since the start. */
class ConfigHistory {
  readonly states: ConfigState[] = [{ version: 0, hasOptional: false, isDenied: false }];
  /** Index of the oldest state that may be in force. */
  oldestIndex = 0;
  readonly #events: string[] = [];
  readonly #startedMs = performance.now();

  /** Records an event for the message of a failure. */
  addEvent(event: string): void {
    this.#events.push(`${Math.round(performance.now() - this.#startedMs)} ms: ${event}`);
  }

  get last(): ConfigState {
    return this.states.at(-1) ?? assert.fail();
  }

  /** Adds a state that differs from the last one in a single file. */
  addState(file: ConfigFile): ConfigState {
    const { version, hasOptional, isDenied } = this.last;
    const state = file === "gateway_rules"
      ? { ...this.last, isDenied: !isDenied }
      : { version: version + 1, hasOptional: !hasOptional, isDenied };
    this.states.push(state);
    return state;
  }

  /** Throws unless the answer is right in the state with the index `fromState` or in a later state. */
  checkAnswer(
    fromState: number,
    isRight: (state: ConfigState) => boolean,
    describeAnswer: () => string,
  ): void {
    if (this.states.slice(fromState).some(isRight)) return;
    const states = this.states.slice(fromState).map((state, index) => {
      return `  state ${fromState + index}: ${JSON.stringify(state)}`;
    });
    const events = this.#events.slice(-MAX_SHOWN_EVENTS).map((event) => `  ${event}`);
    assert.fail(
      [`${describeAnswer()}\nis right in none of`, ...states, "The last events:", ...events].join(
        "\n",
      ),
    );
  }
}

/** Returns the content of a file in a state. The mark is an argument of every server, by which its process is found. */
function fileContent(
  file: ConfigFile,
  { version, hasOptional, isDenied }: ConfigState,
  mark: string,
): unknown {
  if (file === "gateway_rules") {
    const deny = isDenied ? { deny: { tools: { stable: ["other"] } } } : {};
    return { agents: { tester: { allow: { servers: ["*"] }, ...deny } } };
  }
  return {
    mcpServers: {
      stable: namedServer("stable", mark),
      changing: namedServer(`changing-${version}`, mark),
      ...(hasOptional ? { optional: namedServer("optional", mark) } : {}),
    },
  };
}

/** Invalid contents of a file. */
const INVALID_TEXTS: readonly string[] = ['{"agents": {', '{"agents": 7, "mcpServers": 7}', ""];

/** A call that has been sent. */
interface SentCall {
  readonly server: string;
  readonly tool: string;
  readonly token: string;
  /** Index of the oldest state that may decide the call. */
  readonly fromState: number;
}

/** Makes calls until `isOver`, 64 at a time, and checks each answer. */
class CallLoad {
  readonly ids: (string | number)[] = [];
  refusals = 0;
  isOver = false;
  readonly #gateway: RunningGateway;
  readonly #history: ConfigHistory;
  #stablePid: string | undefined;

  constructor(gateway: RunningGateway, history: ConfigHistory) {
    this.#gateway = gateway;
    this.#history = history;
  }

  async run(): Promise<void> {
    try {
      await Promise.all(Array.from({ length: CONCURRENT_CALLS }, () => this.#callInLoop()));
    } finally {
      this.isOver = true;
    }
  }

  async #callInLoop(): Promise<void> {
    while (!this.isOver) {
      const { client } = this.#gateway;
      const number = this.ids.length;
      const server = ["stable", "changing", "optional"][number % 3] ?? "";
      const tool = number % 2 === 0 ? "identify" : "other";
      const token = `token-${number}`;
      const id = client.newId();
      this.ids.push(id);
      const fromState = this.#history.oldestIndex;
      const params = executeToolParams(server, tool, { token, after_ms: (number % 50) * 4 });
      const { result = {}, error } = await client.request("tools/call", params, id);
      assert.equal(error, undefined);
      this.#history.addEvent(
        `answer ${token}, sent in state ${fromState} or later: ${server} ${tool}`,
      );
      const describeAnswer = () => `${server} ${tool} ${token}: ${JSON.stringify(result)}`;
      const call = { server, tool, token, fromState };
      if (result.isError === true) this.#checkRefusal(call, result, describeAnswer);
      else this.#checkResult(call, readSingleText(result), describeAnswer);
    }
  }

  #checkRefusal(
    { server, tool, fromState }: SentCall,
    result: Fields,
    describeAnswer: () => string,
  ): void {
    this.refusals++;
    const { code } = readRefusal(result);
    this.#history.checkAnswer(fromState, ({ hasOptional, isDenied }) => {
      if (code === "SERVER_UNAVAILABLE") return server === "optional" && !hasOptional;
      return code === "DENIED_BY_POLICY" && server === "stable" && tool === "other" && isDenied;
    }, describeAnswer);
  }

  #checkResult(
    { server, tool, token, fromState }: SentCall,
    text: string,
    describeAnswer: () => string,
  ): void {
    const [name, pid, answeredToken] = text.split(" ");
    assert.equal(answeredToken, token, describeAnswer());
    if (server === "stable") assert.equal(pid, this.#stablePid ??= pid, describeAnswer());
    this.#history.checkAnswer(fromState, ({ version, hasOptional, isDenied }) => {
      if (server === "changing") return name === `changing-${version}`;
      if (server === "optional") return name === "optional" && hasOptional;
      return name === "stable" && !(tool === "other" && isDenied);
    }, describeAnswer);
  }
}

/**
 * Edits both files repeatedly, in rounds of three edits: a valid edit, an invalid edit, and a valid edit that
 * stays until it is in force.
 *
 * @returns For each round, the time until its last edit was in force, in milliseconds.
 */
async function editRepeatedly(
  { gateway, history, mark, edits, isOver }: {
    gateway: RunningGateway;
    history: ConfigHistory;
    mark: string;
    edits: number;
    isOver: () => boolean;
  },
): Promise<number[]> {
  const reloadTimesMs: number[] = [];
  const { setup } = gateway;
  const readCount = async (
    file: ConfigFile,
    name: "attempt_count" | "success_count",
  ): Promise<number> => {
    return (await readStatus(gateway)).reload_status[file][name];
  };
  const writeNextState = (file: ConfigFile): void => {
    const state = history.addState(file);
    history.addEvent(`${CONFIG_FILES[file]} is written: state ${history.states.length - 1}`);
    setup.writeFile(CONFIG_FILES[file], fileContent(file, state, mark));
  };
  for (let edit = 0; edit < edits && !isOver(); edit++) {
    const round = Math.floor(edit / 3);
    const [file, otherFile]: [ConfigFile, ConfigFile] = round % 2 === 0
      ? ["mcp_config", "gateway_rules"]
      : ["gateway_rules", "mcp_config"];
    switch (edit % 3) {
      case 0: // Valid, but soon overwritten: it may or may not come into force.
        writeNextState(otherFile);
        await new Promise((resolve) => setTimeout(resolve, (round * 37) % 350));
        break;
      case 1: { // Invalid; in every third round it stays until the status reports the error.
        const attempts = await readCount(file, "attempt_count");
        history.addEvent(`${CONFIG_FILES[file]} is made invalid`);
        setup.writeFile(CONFIG_FILES[file], INVALID_TEXTS[round % INVALID_TEXTS.length]);
        if (round % 3 !== 0) break;
        await waitUntil(
          "the gateway has read the invalid file",
          async () => await readCount(file, "attempt_count") > attempts,
        );
        const { last_error } = (await readStatus(gateway)).reload_status[file];
        assert.notEqual(last_error, null);
        break;
      }
      case 2: { // Valid; replaces the invalid file, and stays until it is in force.
        const successes = await readCount(file, "success_count");
        const startedMs = performance.now();
        writeNextState(file);
        await waitUntil(
          "the valid file is in force",
          async () => await readCount(file, "success_count") > successes,
        );
        reloadTimesMs.push(performance.now() - startedMs);
        history.oldestIndex = history.states.length - 1;
        history.addEvent(`state ${history.oldestIndex} is in force`);
      }
    }
  }
  return reloadTimesMs;
}

/** Figures of a run of edits. */
export interface ReloadFigures {
  /** Maximum time until an edit was in force. */
  readonly maxMs: number;
  /** All figures as one line, for people to read. */
  readonly text: string;
}

/**
 * Edits both files while 64 calls are in progress. Checks that each call is answered once, by the right
 * server, according to the files that were in force during the call; and that no process of a removed
 * server is left.
 *
 * @param edits Number of edits.
 */
export async function editUnderLoad(edits: number): Promise<ReloadFigures> {
  const mark = `reload-${crypto.randomUUID()}`;
  const history = new ConfigHistory();
  await using gateway = await startGateway({
    servers: JSON.stringify(fileContent("mcp_config", history.last, mark)),
    rules: JSON.stringify(fileContent("gateway_rules", history.last, mark)),
    args: ["--agent", "tester", "--debug"],
    env: { GATEWAY_LOG_LEVEL: "warn" },
  });
  const load = new CallLoad(gateway, history);
  const loadEnded = load.run();
  loadEnded.catch(() => {});
  const startedMs = performance.now();
  const isOver = () => load.isOver;
  const reloadTimesMs = await editRepeatedly({ gateway, history, mark, edits, isOver }).finally(
    () => {
      load.isOver = true;
    },
  );
  await loadEnded;
  const tookSeconds = (performance.now() - startedMs) / 1000;

  const answerCounts = new Map<unknown, number>();
  for (const { message: { id, method } } of gateway.client.receivedMessages) {
    if (method === undefined) answerCounts.set(id, (answerCounts.get(id) ?? 0) + 1);
  }
  assert.deepEqual(
    load.ids.filter((id) => answerCounts.get(id) !== 1),
    [],
    "every call is answered once",
  );
  const serverCount = await waitForExpectedProcesses(gateway, mark);

  const sortedMs = reloadTimesMs.toSorted((a, b) => a - b);
  const medianMs = sortedMs[Math.floor(sortedMs.length / 2)] ?? 0;
  const maxMs = sortedMs.at(-1) ?? 0;
  const text = [
    `${edits} edits, of which ${reloadTimesMs.length} came into force`,
    `after ${Math.round(medianMs)} ms (median), ${Math.round(maxMs)} ms (maximum)`,
    `${load.ids.length} calls, of which ${load.refusals} were refused rightly, and none was lost`,
    `${serverCount} servers at the end`,
    `${Math.round(tookSeconds)} s`,
  ].join("; ");
  assert.equal(reloadTimesMs.length, Math.floor(edits / 3), text);
  assert.ok(load.refusals > 0 && load.refusals < load.ids.length / 2, text);
  return { maxMs, text };
}

/** Waits until only the servers of the last files are running; returns their number. */
async function waitForExpectedProcesses(gateway: RunningGateway, mark: string): Promise<number> {
  const { servers } = await readStatus(gateway);
  const expectedPids = Object.values(servers).flatMap(({ pids }) => pids).toSorted();
  assert.equal(expectedPids.length, Object.keys(servers).length);
  if (Deno.build.os === "windows") return expectedPids.length;
  await waitUntil("removed servers have ended", async () => {
    const running = (await listProcesses()).filter(({ args }) => args.includes(mark));
    return running.map(({ pid }) => pid).toSorted().join() === expectedPids.join();
  });
  return expectedPids.length;
}
