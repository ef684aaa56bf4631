import assert from "node:assert/strict";
import { listProcesses } from "./fault_processes.ts";
import { executeToolParams, readRefusal, readSingleText, startGateway } from "./gateway.ts";
import type { Fields, RunningGateway } from "./gateway.ts";
import { CONFIG_FILES, namedServer, readStatus } from "./config_edits.ts";
import { waitUntil } from "./wait.ts";

const IN_FLIGHT = 64;

/** Number of the last events that a failure shows. */
const MAX_SHOWN_EVENTS = 40;

/** A pair of valid files; the next differs in one of them. */
interface ConfigState {
  /** Name that the server `changing` returns. */
  readonly version: number;
  readonly hasComing: boolean;
  readonly isDenied: boolean;
}

type ConfigFile = keyof typeof CONFIG_FILES;

/** All pairs of files that were written, those that may be in force, and what happened when. */
class ConfigHistory {
  readonly states: ConfigState[] = [{ version: 0, hasComing: false, isDenied: false }];
  /** Index of the oldest state that may be in force. */
  confirmed = 0;
  readonly #events: string[] = [];
  readonly #start = performance.now();

  /** Adds an event to what a failure shows. */
  add(event: string): void {
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

  /** Throws unless an answer is right in a state that may have been in force. */
  check(from: number, isRight: (state: ConfigState) => boolean, what: () => string): void {
    if (this.states.slice(from).some(isRight)) return;
    const states = this.states.slice(from).map((state, index) => {
      return `  state ${from + index}: ${JSON.stringify(state)}`;
    });
    const events = this.#events.slice(-MAX_SHOWN_EVENTS).map((event) => `  ${event}`);
    assert.fail(
      [`${what()}\nis right in none of`, ...states, "The last events:", ...events].join("\n"),
    );
  }
}

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

/** Invalid texts that are written over a valid file. */
const INVALID_TEXTS: readonly string[] = ['{"agents": {', '{"agents": 7, "mcpServers": 7}', ""];

/** Calls in a loop, 64 at a time, and checks each answer. */
class CallLoad {
  readonly ids: (string | number)[] = [];
  refused = 0;
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
      await Promise.all(Array.from({ length: IN_FLIGHT }, () => this.#callOn()));
    } finally {
      this.isOver = true;
    }
  }

  async #callOn(): Promise<void> {
    while (!this.isOver) {
      const { client } = this.#gateway;
      const number = this.ids.length;
      const server = ["kept", "changing", "coming"][number % 3] ?? "";
      const tool = number % 2 === 0 ? "whose" : "other";
      const token = `token-${number}`;
      const id = client.newId();
      this.ids.push(id);
      const from = this.#history.confirmed;
      const params = executeToolParams(server, tool, { token, after_ms: (number % 50) * 4 });
      const { result = {}, error } = await client.request("tools/call", params, id);
      assert.equal(error, undefined);
      this.#history.add(`answer ${token}, sent in state ${from} or later: ${server} ${tool}`);
      const what = () => `${server} ${tool} ${token}: ${JSON.stringify(result)}`;
      if (result.isError === true) this.#checkRefusal(result, { server, tool, from, what });
      else this.#checkAnswer(readSingleText(result), { server, tool, token, from, what });
    }
  }

  #checkRefusal(
    result: Fields,
    { server, tool, from, what }: {
      server: string;
      tool: string;
      from: number;
      what: () => string;
    },
  ): void {
    this.refused++;
    const { code } = readRefusal(result);
    this.#history.check(from, ({ hasComing, isDenied }) => {
      if (code === "SERVER_UNAVAILABLE") return server === "coming" && !hasComing;
      return code === "DENIED_BY_POLICY" && server === "kept" && tool === "other" && isDenied;
    }, what);
  }

  #checkAnswer(text: string, { server, tool, token, from, what }: {
    server: string;
    tool: string;
    token: string;
    from: number;
    what: () => string;
  }): void {
    const [name, pid, answered] = text.split(" ");
    assert.equal(answered, token, what());
    if (server === "kept") assert.equal(pid, this.#keptPid ??= pid, what());
    this.#history.check(from, ({ version, hasComing, isDenied }) => {
      if (server === "changing") return name === `changing-${version}`;
      if (server === "coming") return name === "coming" && hasComing;
      return name === "kept" && !(tool === "other" && isDenied);
    }, what);
  }
}

/**
 * Edits both files, a third of the edits invalid; returns how long each lasting valid edit took.
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
  const times: number[] = [];
  const { setup } = gateway;
  const count = async (
    file: ConfigFile,
    name: "attempt_count" | "success_count",
  ): Promise<number> => {
    return (await readStatus(gateway)).reload_status[file][name];
  };
  const write = (file: ConfigFile): void => {
    const next = history.next(file);
    history.states.push(next);
    history.add(`${CONFIG_FILES[file]} is written: state ${history.states.length - 1}`);
    setup.writeFile(CONFIG_FILES[file], fileContent(file, next, mark));
  };
  for (let edit = 0; edit < edits && !isOver(); edit++) {
    const round = Math.floor(edit / 3);
    const [file, other]: [ConfigFile, ConfigFile] = round % 2 === 0
      ? ["mcp_config", "gateway_rules"]
      : ["gateway_rules", "mcp_config"];
    switch (edit % 3) {
      case 0: // Valid, and does not stand: sometimes in force, sometimes not.
        write(other);
        await new Promise((resolve) => setTimeout(resolve, (round * 37) % 350));
        break;
      case 1: { // Invalid; some stand until they are found out.
        const attempts = await count(file, "attempt_count");
        history.add(`${CONFIG_FILES[file]} is made invalid`);
        setup.writeFile(CONFIG_FILES[file], INVALID_TEXTS[round % INVALID_TEXTS.length]);
        if (round % 3 !== 0) break;
        await waitUntil(
          "it is found out",
          async () => await count(file, "attempt_count") > attempts,
        );
        const { last_error } = (await readStatus(gateway)).reload_status[file];
        assert.notEqual(last_error, null);
        break;
      }
      case 2: { // Valid, fixes what was invalid, and stands until it is in force.
        const successes = await count(file, "success_count");
        const since = performance.now();
        write(file);
        await waitUntil(
          "it is in force",
          async () => await count(file, "success_count") > successes,
        );
        times.push(performance.now() - since);
        history.confirmed = history.states.length - 1;
        history.add(`state ${history.confirmed} is in force`);
      }
    }
  }
  return times;
}

/** Figures of a run. */
export interface ReloadFigures {
  /** Milliseconds until lasting valid edits were in force. */
  readonly medianMs: number;
  readonly maxMs: number;
  /** These and others, as one sentence. */
  readonly text: string;
}

/**
 * Edits both files under 64 calls in flight. Checks that each call is answered once, by the right
 * server, under rules and servers that were in force during the call; and that no process of a removed
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
  const since = performance.now();
  const isOver = () => load.isOver;
  const times = await editRepeatedly({ gateway, history, mark, edits, isOver }).finally(() => {
    load.isOver = true;
  });
  await loading;
  const tookMs = performance.now() - since;

  const answers = new Map<unknown, number>();
  for (const { message: { id, method } } of gateway.client.receivedMessages) {
    if (method === undefined) answers.set(id, (answers.get(id) ?? 0) + 1);
  }
  assert.deepEqual(load.ids.filter((id) => answers.get(id) !== 1), [], "each is answered once");
  const most = await waitForExpectedProcesses(gateway, mark);

  const sorted = times.toSorted((a, b) => a - b);
  const [medianMs = 0, maxMs = 0] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  const text = `${edits} edits, ${times.length} stood: in force after ${Math.round(medianMs)} ms ` +
    `(median), ${Math.round(maxMs)} ms (most); ${load.ids.length} calls, ${load.refused} refused ` +
    `as they should be, none lost; ${most} servers at the end; ${Math.round(tookMs / 1000)} s`;
  assert.equal(times.length, Math.floor(edits / 3), text);
  assert.ok(load.refused > 0 && load.refused < load.ids.length / 2, text);
  return { medianMs, maxMs, text };
}

/** Waits until only the servers of the last files are running. */
async function waitForExpectedProcesses(gateway: RunningGateway, mark: string): Promise<number> {
  const { servers } = await readStatus(gateway);
  const wanted = Object.values(servers).flatMap(({ pids }) => pids).toSorted();
  assert.equal(wanted.length, Object.keys(servers).length);
  if (Deno.build.os === "windows") return wanted.length;
  await waitUntil("former servers are gone", async () => {
    const left = (await listProcesses()).filter(({ args }) => args.includes(mark));
    return left.map(({ pid }) => pid).toSorted().join() === wanted.join();
  });
  return wanted.length;
}
