/**
 * Clients of a shared gateway while relays, daemons and servers are killed, and the configuration is edited.
 * `CHAOS_SECONDS` sets the duration, and `CHAOS_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { misbehavingServer } from "../e2e/gateway.ts";
import type { Fields } from "../e2e/raw_client.ts";
import { prepareShared, type RelaySession, type SharedGateway } from "../e2e/shared_gateway.ts";

const SECONDS = Number(Deno.env.get("CHAOS_SECONDS") || 600);
const SEED = Number(Deno.env.get("CHAOS_SEED") || Math.floor(Math.random() * 2 ** 31));
const WINDOWS = 20;

/** The codes that a call may fail with while something is killed. */
const NAMED_CODES: readonly unknown[] = ["SERVER_UNAVAILABLE", "TIMEOUT", "RATE_LIMITED"];

const STATELESS_META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "chaos", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** A generator of random numbers from 0 to 1 that a seed repeats. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Counts {
  right: number;
  named: number;
  lost: number;
  events: Record<string, number>;
  /** The number of errors by message. */
  reasons: Record<string, number>;
}

/** A window: a relay with a client that calls without a pause, and is started again when it has ended. */
class Window {
  session: RelaySession | undefined;
  readonly #number: number;
  readonly #shared: SharedGateway;
  readonly #counts: Counts;
  readonly #random: () => number;
  readonly #faults: string[];

  constructor(
    number: number,
    shared: SharedGateway,
    context: { counts: Counts; random: () => number; faults: string[] },
  ) {
    this.#number = number;
    this.#shared = shared;
    this.#counts = context.counts;
    this.#random = context.random;
    this.#faults = context.faults;
  }

  async run(until: number): Promise<void> {
    while (performance.now() < until) {
      try {
        await this.#runSession(until);
      } catch (error) {
        // The relay was killed, or it ended because the daemon was killed at its start.
        if (!/The program ended|Broken pipe|closed/i.test(String(error))) {
          this.#faults.push(`window ${this.#number}: ${error}`);
          return;
        }
      }
      this.#checkAnswers();
    }
    await this.session?.program.closeInput();
  }

  async #runSession(until: number): Promise<void> {
    const session = await this.#shared.connect({ initialize: false });
    this.session = session;
    const isStateless = this.#random() < 0.3;
    if (!isStateless) await session.client.initialize();
    while (performance.now() < until) {
      const calls = Array.from({ length: 1 + Math.floor(this.#random() * 4) }, async () => {
        await this.#call(session, isStateless ? { _meta: STATELESS_META } : {});
      });
      const outcomes = await Promise.allSettled(calls);
      const failure = outcomes.find(({ status }) => status === "rejected");
      if (failure !== undefined) throw (failure as PromiseRejectedResult).reason;
    }
  }

  async #call({ client }: RelaySession, further: Fields): Promise<void> {
    const token = `token-${crypto.randomUUID()}`;
    const server = this.#random() < 0.5 ? "common" : "odd";
    const args = { server, tool: "echo", args: { text: token } };
    const params = { name: "execute_tool", arguments: args, ...further };
    let answer;
    try {
      answer = await client.request("tools/call", params);
    } catch (error) {
      this.#counts.lost++;
      throw error;
    }
    const { result, error } = answer;
    const text = JSON.stringify(result ?? error);
    const tokens = new Set(text.match(/token-[0-9a-f-]{36}/g) ?? []);
    if (result !== undefined && result.isError !== true && tokens.size === 1 && tokens.has(token)) {
      this.#counts.right++;
      return;
    }
    const code = /\\?"code\\?":\\?"([A-Z_]+)/.exec(text)?.[1];
    if (NAMED_CODES.includes(code) && tokens.size === 0) {
      this.#counts.named++;
      const message = /\\?"message\\?":\\?"([^"\\]+)/.exec(text)?.[1] ?? "";
      this.#counts.reasons[message] = (this.#counts.reasons[message] ?? 0) + 1;
    } else this.#faults.push(`window ${this.#number} got ${text.slice(0, 500)} for ${token}`);
  }

  /** Checks that each request of the last session was answered once at most, and nothing else was. */
  #checkAnswers(): void {
    const { client } = this.session ?? {};
    if (client === undefined) return;
    const ids = client.receivedMessages.filter(({ message }) => message.method === undefined)
      .map(({ message }) => message.id);
    if (new Set(ids).size !== ids.length) {
      this.#faults.push(`window ${this.#number}: a request was answered twice`);
    }
    if (client.malformedLines.length > 0) {
      this.#faults.push(`window ${this.#number}: malformed ${client.malformedLines[0]}`);
    }
  }
}

Deno.test({
  name:
    "[shared.chaos] every call of 20 windows ends once, with its own answer or a named error, whatever is killed, and nothing is left",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const random = createRandom(SEED);
    const counts: Counts = { right: 0, named: 0, lost: 0, events: {}, reasons: {} };
    const faults: string[] = [];
    const serversOf = (description: string) => ({
      odd: { ...misbehavingServer(), description },
      common: { ...misbehavingServer(), description, gateway: { isolation: "shared" } },
      [`other${description}`]: { ...misbehavingServer(), disabled: true },
    });
    const shared = await prepareShared({ servers: serversOf("0") });
    const windows = Array.from({ length: WINDOWS }, (_, number) => {
      return new Window(number, shared, { counts, random, faults });
    });
    const until = performance.now() + SECONDS * 1000;
    const pick = <T>(items: readonly T[]): T | undefined =>
      items[Math.floor(random() * items.length)];
    const kill = (pid: number | undefined, signal: Deno.Signal): void => {
      try {
        if (pid !== undefined) Deno.kill(pid, signal);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    };
    const events: Record<string, () => Promise<void> | void> = {
      "kill relay": () => pick(windows)?.session?.program.sendSignal("SIGKILL"),
      "end relay": () => pick(windows)?.session?.program.closeInput(),
      "terminate relay": () => pick(windows)?.session?.program.sendSignal("SIGTERM"),
      "kill daemon": async () => kill(pick(await shared.listDaemonIds()), "SIGKILL"),
      "terminate daemon": async () => kill(pick(await shared.listDaemonIds()), "SIGTERM"),
      "reload": async () => kill(pick(await shared.listDaemonIds()), "SIGHUP"),
      "kill server": async () => kill(pick(await listServerIds(shared)), "SIGKILL"),
      "edit": () => {
        const mcpServers = serversOf(String(Math.floor(random() * 1000)));
        shared.setup.writeFile(".mcp.json", { mcpServers });
      },
    };
    const running = Promise.all(windows.map((window) => window.run(until)));
    while (performance.now() < until && faults.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 100 + random() * 900));
      const name = pick(Object.keys(events)) ?? "";
      counts.events[name] = (counts.events[name] ?? 0) + 1;
      await events[name]?.();
    }
    await running;
    const summary = `seed ${SEED}: ${JSON.stringify(counts)}`;
    assert.deepEqual(faults.slice(0, 5), [], summary);
    assert.ok(counts.right > 3 * (counts.named + counts.lost), summary);
    await shared[Symbol.asyncDispose]();
    // deno-lint-ignore no-console -- the summary of a run that takes minutes
    console.log(summary);
  },
});

/** Returns the process ids of the servers of this setup. */
async function listServerIds(shared: SharedGateway): Promise<number[]> {
  const script = 'grep -lzsE -- "odd_server" /proc/[0-9]*/cmdline';
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script], stdin: "null" }).output();
  const servers = [...new TextDecoder().decode(stdout).matchAll(/\d+/g)].map(Number);
  const own = await shared.setup.listProcessIds();
  return servers.filter((pid) => own.includes(pid));
}
