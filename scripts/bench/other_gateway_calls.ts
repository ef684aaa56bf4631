import type { MeasuredProgram } from "./measured_programs.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import type { LoadClient } from "./load_client.ts";
import {
  ANSWER_MS,
  AnswerTimeout,
  answerWithin,
  delay,
  endOtherGateway,
  openOtherGateway,
} from "./other_gateway_process.ts";
import type { Workspace } from "./workspace.ts";

/** Intended maximum duration of one load in one round, in milliseconds. */
const MAX_ROUND_MS = 500;

/** Total duration of a load, in milliseconds, after which further rounds skip it. */
const MAX_LOAD_MS = 2_000;

/** Intended maximum duration of the warm-up, whose calls are not counted, in milliseconds. */
const MAX_WARM_UP_MS = 1_500;

/** The times of many calls through another gateway. */
export interface OtherGatewayLoadResult extends LoadResult {
  /** Note on a load with fewer calls or rounds than requested, such as `2 of 5 rounds`. */
  readonly remark?: string;
}

/** Options of an `OtherGatewayCaller`. */
export interface OtherGatewayCallerOptions {
  /** Maximum number of calls in the warm-up. */
  readonly warmUpCalls: number;
  /** Number of rounds of each load. */
  readonly rounds: number;
  /** Maximum time to wait for the first answers, in milliseconds. */
  readonly answerMs?: number;
  /** Receives the message of a failed load or restart. */
  addFailure(message: string): void;
}

/** The measured speed of one load, and the time spent on it so far. */
interface Pace {
  readonly callsPerMs: number;
  readonly minBytes: number;
  spentMs: number;
  rounds: number;
}

/**
 * Makes calls through another gateway, which may fail or be much slower than this one: the time of each
 * load is limited, and a load that has failed is not repeated.
 */
export class OtherGatewayCaller implements AsyncDisposable {
  // The pace of each load, by its size and number in flight; undefined if the load has failed.
  readonly #paces = new Map<string, Pace | undefined>();
  readonly #otherGateway: MeasuredProgram;
  readonly #workspace: Workspace;
  readonly #rounds: number;
  readonly #addFailure: (message: string) => void;
  #client: LoadClient | undefined;

  private constructor(
    otherGateway: MeasuredProgram,
    workspace: Workspace,
    { rounds, addFailure }: OtherGatewayCallerOptions,
  ) {
    this.#otherGateway = otherGateway;
    this.#workspace = workspace;
    this.#rounds = rounds;
    this.#addFailure = addFailure;
  }

  /** Starts a gateway, waits until its server can be called, and warms it up. */
  static async open(
    otherGateway: MeasuredProgram,
    workspace: Workspace,
    options: OtherGatewayCallerOptions,
  ): Promise<OtherGatewayCaller> {
    const { warmUpCalls, answerMs = ANSWER_MS } = options;
    const caller = new OtherGatewayCaller(otherGateway, workspace, options);
    try {
      caller.#client = await openOtherGateway(otherGateway, workspace, answerMs);
      await caller.#waitUntilReady(answerMs);
      const call = otherGateway.formatCall("echo", { n: 100 });
      const load = { call, inFlight: Math.min(64, warmUpCalls), minBytes: 100 };
      const { perSecond } = await caller.#client.load({ ...load, count: load.inFlight });
      const count = clamp(perSecond / 1000 * MAX_WARM_UP_MS, load.inFlight, warmUpCalls);
      await caller.#client.load({ ...load, count });
      return caller;
    } catch (error) {
      await caller[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Makes at most `count` calls, as many as there is time for. The first answer must contain the letter x
   * `size` times, and the others must have about its size. Returns undefined if the load failed or has
   * used up its time.
   */
  async load(
    size: number,
    { count: requestedCount, inFlight, call }: Omit<LoadOptions, "minBytes">,
  ): Promise<OtherGatewayLoadResult | undefined> {
    const key = `${size} B, ${inFlight} in flight`;
    try {
      const pace = await this.#measurePace(key, { size, call, inFlight });
      if (pace === undefined || pace.spentMs > MAX_LOAD_MS) return undefined;
      const count = clamp(pace.callsPerMs * MAX_ROUND_MS, inFlight, requestedCount);
      const started = performance.now();
      const load = await this.#runningClient().load({
        count,
        inFlight,
        call,
        minBytes: pace.minBytes,
      });
      pace.spentMs += performance.now() - started;
      pace.rounds++;
      const remarks = [
        ...count < requestedCount ? [`${count} calls a round, not ${requestedCount}`] : [],
        ...pace.spentMs > MAX_LOAD_MS && pace.rounds < this.#rounds
          ? [`${pace.rounds} of ${this.#rounds} rounds`]
          : [],
      ];
      return remarks.length === 0 ? load : { ...load, remark: remarks.join("; ") };
    } catch (error) {
      this.#addFailure(`${this.#otherGateway.name}, ${key}: ${errorMessage(error)}`);
      this.#paces.set(key, undefined);
      await this.#restart();
      return undefined;
    }
  }

  /** Returns the pace of a load. The first time, makes some calls to measure it. */
  async #measurePace(
    key: string,
    { size, call, inFlight }: { size: number; call: string; inFlight: number },
  ): Promise<Pace | undefined> {
    if (this.#paces.has(key)) return this.#paces.get(key);
    const client = this.#runningClient();
    const answer = await answerWithin(ANSWER_MS, client.request(call), "a call");
    if (!isEcho(answer, size)) throw new Error(`unexpected answer: ${answer.slice(0, 300)}`);
    // Answers differ by the length of their ids; an error would be far shorter.
    const minBytes = Math.max(size, answer.length - 20);
    const load = client.load({ call, inFlight, minBytes, count: inFlight });
    const { perSecond } = await answerWithin(ANSWER_MS, load, `${inFlight} calls at a time`);
    const pace = { callsPerMs: perSecond / 1000, minBytes, spentMs: 0, rounds: 0 };
    this.#paces.set(key, pace);
    return pace;
  }

  /** Waits for the server: several gateways answer `initialize` before their servers are ready. */
  async #waitUntilReady(answerMs: number): Promise<void> {
    const deadline = performance.now() + answerMs;
    const call = this.#otherGateway.formatCall("echo", { n: 100 });
    let answer = "";
    for (let remainingMs = answerMs; remainingMs > 0; remainingMs = deadline - performance.now()) {
      try {
        answer = await answerWithin(
          remainingMs,
          this.#runningClient().request(call),
          "the first call",
        );
      } catch (error) {
        throw new Error(`${this.#otherGateway.name}: ${errorMessage(error)}`, { cause: error });
      }
      if (isEcho(answer, 100)) return;
      await delay(100);
    }
    const excerpt = answer.slice(0, 300);
    throw new AnswerTimeout(
      `${this.#otherGateway.name}: the tool echo of the server echo could not be called within ` +
        `${answerMs / 1000} s; see the mapping. The last answer was: ${excerpt}`,
    );
  }

  #runningClient(): LoadClient {
    if (this.#client === undefined) throw new Error("it could not be restarted");
    return this.#client;
  }

  async #restart(): Promise<void> {
    await this[Symbol.asyncDispose]();
    try {
      this.#client = await openOtherGateway(this.#otherGateway, this.#workspace);
      await this.#waitUntilReady(ANSWER_MS);
    } catch (error) {
      this.#addFailure(errorMessage(error));
      await this[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await endOtherGateway(client);
  }
}

function isEcho(answer: string, size: number): boolean {
  return answer.includes("x".repeat(size));
}

function clamp(value: number, min: number, max: number): number {
  return Math.max(Math.min(Math.round(value), max), Math.min(min, max));
}

function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 500) : String(error);
}
