import type { Contestant } from "./contestants.ts";
import type { Load, LoadOptions } from "./load.ts";
import type { LoadClient } from "./load_client.ts";
import { endPeer, NotAnswered, openPeer, PATIENCE_MS, pause, within } from "./peer_process.ts";
import type { Scene } from "./scene.ts";

/** How long the calls of one load may take in a round, and in all rounds, in milliseconds. */
const ROUND_MS = 500;
const ALL_MS = 2_000;

/** How long it is called before it counts. */
const WARM_UP_MS = 1_500;

/** A load of another gateway, and how it differs from that of the others. */
export interface PeerLoad extends Load {
  readonly remark?: string;
}

/** How another gateway is called. */
export interface PeerCallerOptions {
  /** How many calls are made before any counts, at the most. */
  readonly warmUp: number;
  /** How often each load is to be made. */
  readonly rounds: number;
  /** How long its first answers are waited for, in milliseconds. */
  readonly patienceMs?: number;
  /** Takes what failed. */
  fail(message: string): void;
}

/** What is known of one load. */
interface Pace {
  readonly perMs: number;
  readonly leastBytes: number;
  spentMs: number;
  rounds: number;
}

/**
 * Calls another gateway, which may be much slower than this one, or fail: no more calls than take a
 * moment, and none of a load that has failed.
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

  /** Starts it, waits until its server can be called, and warms it up. */
  static async open(
    peer: Contestant,
    scene: Scene,
    options: PeerCallerOptions,
  ): Promise<PeerCaller> {
    const { warmUp, patienceMs = PATIENCE_MS } = options;
    const caller = new PeerCaller(peer, scene, options);
    try {
      caller.#client = await openPeer(peer, scene, patienceMs);
      await caller.#waitUntilReady(patienceMs);
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

  /** Makes calls whose answers hold `size` times an x, as many as there is time for. */
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

  /** Makes the first calls of a load, which tell what is an answer and how long it takes. */
  async #pace(
    key: string,
    { size, call, inFlight }: { size: number; call: string; inFlight: number },
  ): Promise<Pace | undefined> {
    if (this.#paces.has(key)) return this.#paces.get(key);
    const client = this.#open();
    const answer = await within(PATIENCE_MS, client.request(call), "a call");
    if (!isEcho(answer, size)) throw new Error(`not what was called: ${answer.slice(0, 300)}`);
    // Nearly, because ids differ in length; an error is shorter or longer by far.
    const leastBytes = Math.max(size, answer.length - 20);
    const load = client.load({ call, inFlight, leastBytes, count: inFlight });
    const { perSecond } = await within(PATIENCE_MS, load, `${inFlight} calls at a time`);
    const pace = { perMs: perSecond / 1000, leastBytes, spentMs: 0, rounds: 0 };
    this.#paces.set(key, pace);
    return pace;
  }

  /** Several gateways answer `initialize` before their servers can be called. */
  async #waitUntilReady(patienceMs: number): Promise<void> {
    const until = performance.now() + patienceMs;
    const call = this.#peer.call("echo", { n: 100 });
    let answer = "";
    for (let left = patienceMs; left > 0; left = until - performance.now()) {
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
        `${patienceMs / 1000} s; see the mapping. The last answer was: ${said}`,
    );
  }

  #open(): LoadClient {
    if (this.#client === undefined) throw new Error("it could not be started again");
    return this.#client;
  }

  async #reopen(): Promise<void> {
    await this[Symbol.asyncDispose]();
    try {
      this.#client = await openPeer(this.#peer, this.#scene);
      await this.#waitUntilReady(PATIENCE_MS);
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
