import assert from "node:assert/strict";
import { listProcesses } from "./fault_processes.ts";
import { executeToolParams, readRefusal, readSingleText, startGateway } from "./gateway.ts";
import type { Fields, RunningGateway } from "./gateway.ts";
import { CONFIG_FILES, namedServer, readStatus } from "./config_edits.ts";
import { waitUntil } from "./wait.ts";

const IN_FLIGHT = 64;

/** Maximum number of events in the message of a failure. */
const MAX_SHOWN_EVENTS = 40;

/** Configuration in a pair of valid files. */
interface ConfigState {
  /** Number in the name that the server `changing` returns. */
  readonly version: number;
  /** Whether there is the server `coming`. */
  readonly hasComing: boolean;
  /** Whether the tool `other` of the server `kept` is denied. */
  readonly isDenied: boolean;
}

type ConfigFile = keyof typeof CONFIG_FILES;

/** All pairs of valid files written so far, and the events since the start. */
class ConfigHistory {
  readonly states: ConfigState[] = [{ version: 0, hasComing: false, isDenied: false }];
  /** Index of the oldest state that may be in force. */
  oldestIndex = 0;
  readonly #events: string[] = [];
  readonly #start = performance.now();

  /** Records an event for the message of a failure. */
  addEvent(event: string): void {
    this.#events.push(`${Math.round(performance.now() - this.#start)} ms: ${event}`);
  }

  get last(): ConfigState {
    return this.states.at(-1) ?? assert.fail();
  }

  /** The next state, which differs in one of the files. */
  next(file: ConfigFile): ConfigState {
    const { version, hasComing, isDenied } = this.last;
    return file === "gateway_rules"
      ? { ...this.last, isDenied: !isDenied }
      : { version: version + 1, hasComing: !hasComing, isDenied };
  }

  /** Throws unless the answer is right in one of the states from the given index on. */
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

/** Content of a file in a state; the mark is an argument of every server. */
function fileContent(
  file: ConfigFile,
  { version, hasComing, isDenied }: ConfigState,
  mark: string,
): unknown {
  if (file === "gateway_rules") {
    const deny = isDenied ? { deny: { tools: { kept: ["other"] } } } : {};
    return { agents: { tester: { allow: { servers: ["*"] }, ...deny } } };
  }
  return {
    mcpServers: {
      kept: namedServer("kept", mark),
      changing: namedServer(`changing-${version}`, mark),
      ...(hasComing ? { coming: namedServer("coming", mark) } : {}),
    },
  };
}

/** Invalid contents of a file. */
const INVALID_TEXTS: readonly string[] = ['{"agents": {', '{"agents": 7, "mcpServers": 7}', ""];

/** Makes calls until `isOver`, 64 at a time, and checks each answer. */
class CallLoad {
  readonly ids: (string | number)[] = [];
  refusals = 0;
  isOver = false;
  readonly #gateway: RunningGateway;
  readonly #history: ConfigHistory;
  #keptPid: string | undefined;

  constructor(gateway: RunningGateway, history: ConfigHistory) {
    this.#gateway = gateway;
    this.#history = history;
  }

  async run(): Promise<void> {
    try {
      await Promise.all(Array.from({ length: IN_FLIGHT }, () => this.#callInLoop()));
    } finally {
      this.isOver = true;
    }
  }

  async #callInLoop(): Promise<void> {
    while (!this.isOver) {
      const { client } = this.#gateway;
      const number = this.ids.length;
      const server = ["kept", "changing", "coming"][number % 3] ?? "";
      const tool = number % 2 === 0 ? "whose" : "other";
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
      if (result.isError === true) {
        this.#checkRefusal(result, { server, tool, fromState, describeAnswer });
      } else {this.#checkAnswer(readSingleText(result), {
          server,
          tool,
          token,
          fromState,
          describeAnswer,
        });}
    }
  }

  #checkRefusal(
    result: Fields,
    { server, tool, fromState, describeAnswer }: {
      server: string;
      tool: string;
      fromState: number;
      describeAnswer: () => string;
    },
  ): void {
    this.refusals++;
    const { code } = readRefusal(result);
    this.#history.checkAnswer(fromState, ({ hasComing, isDenied }) => {
      if (code === "SERVER_UNAVAILABLE") return server === "coming" && !hasComing;
      return code === "DENIED_BY_POLICY" && server === "kept" && tool === "other" && isDenied;
    }, describeAnswer);
  }

  #checkAnswer(text: string, { server, tool, token, fromState, describeAnswer }: {
    server: string;
    tool: string;
    token: string;
    fromState: number;
    describeAnswer: () => string;
  }): void {
    const [name, pid, answeredToken] = text.split(" ");
    assert.equal(answeredToken, token, describeAnswer());
    if (server === "kept") assert.equal(pid, this.#keptPid ??= pid, describeAnswer());
    this.#history.checkAnswer(fromState, ({ version, hasComing, isDenied }) => {
      if (server === "changing") return name === `changing-${version}`;
      if (server === "coming") return name === "coming" && hasComing;
      return name === "kept" && !(tool === "other" && isDenied);
    }, describeAnswer);
  }
}

/**
 * Edits both files repeatedly, in rounds of three edits: a valid one, an invalid one, and a valid one that
 * stays until it is in force.
 *
 * @returns The time until each edit of the last kind was in force, in milliseconds.
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
  const write = (file: ConfigFile): void => {
    const next = history.next(file);
    history.states.push(next);
    history.addEvent(`${CONFIG_FILES[file]} is written: state ${history.states.length - 1}`);
    setup.writeFile(CONFIG_FILES[file], fileContent(file, next, mark));
  };
  for (let edit = 0; edit < edits && !isOver(); edit++) {
    const round = Math.floor(edit / 3);
    const [file, other]: [ConfigFile, ConfigFile] = round % 2 === 0
      ? ["mcp_config", "gateway_rules"]
      : ["gateway_rules", "mcp_config"];
    switch (edit % 3) {
      case 0: // Valid, but soon overwritten: it may or may not come into force.
        write(other);
        await new Promise((resolve) => setTimeout(resolve, (round * 37) % 350));
        break;
      case 1: { // Invalid; every third one stays until the status reports the error.
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
        write(file);
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
  /** Median time until an edit was in force. */
  readonly medianMs: number;
  readonly maxMs: number;
  /** All figures as one line, for people to read. */
  readonly text: string;
}

/**
 * Edits both files while 64 calls are in flight. Checks that each call is answered once, by the right
 * server, as the files that were in force during the call demand; and that no process of a removed
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
  const loading = load.run();
  loading.catch(() => {});
  const startedMs = performance.now();
  const isOver = () => load.isOver;
  const reloadTimesMs = await editRepeatedly({ gateway, history, mark, edits, isOver }).finally(
    () => {
      load.isOver = true;
    },
  );
  await loading;
  const tookMs = performance.now() - startedMs;

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

  const sorted = reloadTimesMs.toSorted((a, b) => a - b);
  const [medianMs = 0, maxMs = 0] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  const text =
    `${edits} edits, ${reloadTimesMs.length} stayed: in force after ${Math.round(medianMs)} ms ` +
    `(median), ${
      Math.round(maxMs)
    } ms (maximum); ${load.ids.length} calls, ${load.refusals} refused ` +
    `as they should be, none lost; ${serverCount} servers at the end; ${
      Math.round(tookMs / 1000)
    } s`;
  assert.equal(reloadTimesMs.length, Math.floor(edits / 3), text);
  assert.ok(load.refusals > 0 && load.refusals < load.ids.length / 2, text);
  return { medianMs, maxMs, text };
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
