import type { Contestant } from "./contestants.ts";
import type { Load, LoadOptions } from "./load.ts";
import type { LoadClient } from "./load_client.ts";
import { ANSWER_MS, endPeer, NotAnswered, openPeer, pause, within } from "./peer_process.ts";
import type { Scene } from "./scene.ts";

/** Maximum duration of the calls of one load in a round. */
const ROUND_MS = 500;

/** Maximum duration of the calls of one load in all rounds. */
const ALL_MS = 2_000;

/** Duration of the warm-up, which is not counted. */
const WARM_UP_MS = 1_500;

/** A load of another gateway. */
export interface PeerLoad extends Load {
  /** Difference from the load of the others. */
  readonly remark?: string;
}

/** Options of a `PeerCaller`. */
export interface PeerCallerOptions {
  /** Maximum number of calls in the warm-up. */
  readonly warmUp: number;
  /** Number of rounds of each load. */
  readonly rounds: number;
  /** Maximum time to wait for the first answers, in milliseconds. */
  readonly answerMs?: number;
  /** Receives the message of a failure. */
  fail(message: string): void;
}

/** The pace of one load. */
interface Pace {
  readonly perMs: number;
  readonly leastBytes: number;
  spentMs: number;
  rounds: number;
}

/**
 * Calls another gateway, which may be much slower than this one, or fail. It limits the time of each
 * load, and does not repeat a load that has failed.
 */
export class PeerCaller implements AsyncDisposable {
  readonly #paces = new Map<string, Pace | undefined>();
  readonly #peer: Contestant;
  readonly #scene: Scene;
  readonly #rounds: number;
  readonly #fail: (message: string) => void;
  #client: LoadClient | undefined;

  private constructor(peer: Contestant, scene: Scene, { rounds, fail }: PeerCallerOptions) {
    this.#peer = peer;
    this.#scene = scene;
    this.#rounds = rounds;
    this.#fail = fail;
  }

  /** Starts a gateway, waits until its server can be called, and warms it up. */
  static async open(
    peer: Contestant,
    scene: Scene,
    options: PeerCallerOptions,
  ): Promise<PeerCaller> {
    const { warmUp, answerMs = ANSWER_MS } = options;
    const caller = new PeerCaller(peer, scene, options);
    try {
      caller.#client = await openPeer(peer, scene, answerMs);
      await caller.#waitUntilReady(answerMs);
      const call = peer.call("echo", { n: 100 });
      const load = { call, inFlight: Math.min(64, warmUp), leastBytes: 100 };
      const { perSecond } = await caller.#client.load({ ...load, count: load.inFlight });
      const count = clamp(perSecond / 1000 * WARM_UP_MS, load.inFlight, warmUp);
      await caller.#client.load({ ...load, count });
      return caller;
    } catch (error) {
      await caller[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Makes as many calls as there is time for; each answer contains `size` times an x. */
  async load(
    size: number,
    { count: wanted, inFlight, call }: Omit<LoadOptions, "leastBytes">,
  ): Promise<PeerLoad | undefined> {
    const key = `${size} B, ${inFlight} in flight`;
    try {
      const pace = await this.#pace(key, { size, call, inFlight });
      if (pace === undefined || pace.spentMs > ALL_MS) return undefined;
      const count = clamp(pace.perMs * ROUND_MS, inFlight, wanted);
      const started = performance.now();
      const load = await this.#open().load({ count, inFlight, call, leastBytes: pace.leastBytes });
      pace.spentMs += performance.now() - started;
      pace.rounds++;
      const remarks = [
        ...count < wanted ? [`${count} calls a round, not ${wanted}`] : [],
        ...pace.spentMs > ALL_MS && pace.rounds < this.#rounds
          ? [`${pace.rounds} of ${this.#rounds} rounds`]
          : [],
      ];
      return remarks.length === 0 ? load : { ...load, remark: remarks.join("; ") };
    } catch (error) {
      this.#fail(`${this.#peer.name}, ${key}: ${explain(error)}`);
      this.#paces.set(key, undefined);
      await this.#reopen();
      return undefined;
    }
  }

  /** Makes the first calls of a load, to measure the size of an answer and the time it takes. */
  async #pace(
    key: string,
    { size, call, inFlight }: { size: number; call: string; inFlight: number },
  ): Promise<Pace | undefined> {
    if (this.#paces.has(key)) return this.#paces.get(key);
    const client = this.#open();
    const answer = await within(ANSWER_MS, client.request(call), "a call");
    if (!isEcho(answer, size)) throw new Error(`unexpected answer: ${answer.slice(0, 300)}`);
    // Allow for ids of different lengths; the size of an error differs far more.
    const leastBytes = Math.max(size, answer.length - 20);
    const load = client.load({ call, inFlight, leastBytes, count: inFlight });
    const { perSecond } = await within(ANSWER_MS, load, `${inFlight} calls at a time`);
    const pace = { perMs: perSecond / 1000, leastBytes, spentMs: 0, rounds: 0 };
    this.#paces.set(key, pace);
    return pace;
  }

  /** Waits for the server: several gateways answer `initialize` before their servers are ready. */
  async #waitUntilReady(answerMs: number): Promise<void> {
    const until = performance.now() + answerMs;
    const call = this.#peer.call("echo", { n: 100 });
    let answer = "";
    for (let left = answerMs; left > 0; left = until - performance.now()) {
      try {
        answer = await within(left, this.#open().request(call), "the first call");
      } catch (error) {
        throw new Error(`${this.#peer.name}: ${explain(error)}`, { cause: error });
      }
      if (isEcho(answer, 100)) return;
      await pause(100);
    }
    const said = answer.slice(0, 300);
    throw new NotAnswered(
      `${this.#peer.name}: the tool echo of the server echo could not be called within ` +
        `${answerMs / 1000} s; see the mapping. The last answer was: ${said}`,
    );
  }

  #open(): LoadClient {
    if (this.#client === undefined) throw new Error("it could not be restarted");
    return this.#client;
  }

  async #reopen(): Promise<void> {
    await this[Symbol.asyncDispose]();
    try {
      this.#client = await openPeer(this.#peer, this.#scene);
      await this.#waitUntilReady(ANSWER_MS);
    } catch (error) {
      this.#fail(explain(error));
      await this[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await endPeer(client);
  }
}

function isEcho(answer: string, size: number): boolean {
  return answer.includes("x".repeat(size));
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(Math.min(Math.round(value), most), Math.min(least, most));
}

function explain(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 500) : String(error);
}
