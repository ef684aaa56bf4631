import type { Limits, Rules } from "../config/mod.ts";
import type { Log } from "../log.ts";
import { type MinuteCounter, openMemoryCounter } from "./minute_counter.ts";

/** Requests of one client that wait for their answers at the same time. */
const MAX_UNANSWERED = 10_000;

/** Agents that are remembered when no call is under way; those of rules that are gone among them. */
const MAX_IDLE_AGENTS = 1000;

/** When somebody may come again who waits for a call to end, in milliseconds. */
const RETRY_MS = 1000;

/** The limits of the gateway as a whole, and where calls are counted. */
export interface CallLimitsOptions {
  /** Calls under way at the same time, of all agents, at least 1. */
  readonly maxCalls: number;
  /** Calls in a minute, of all agents, at least 1; no limit where absent. */
  readonly callsPerMinute?: number | undefined;
  /** Where calls per minute are counted: `memory`, or the address of a Redis. */
  readonly state: string;
  /** Told what an operator should know. */
  readonly log: Log;
}

/** A call that wants to begin. */
export interface CallRequest {
  /** Whose it is; one of the rules, so that nothing is kept of names that callers make up. */
  readonly agent: string;
  /** The agent's limits, as they are now. */
  readonly limits: Limits;
  /** Requests of its client that wait for an answer, this one included. */
  readonly unanswered: number;
}

/** Whether a call may begin. */
export type AdmitResult =
  | Permit
  | {
    readonly kind: "refused";
    /** What there is too much of, and what to do; fit to be shown to the agent. */
    readonly message: string;
    /** Milliseconds until another try makes sense. */
    readonly retryAfterMs: number;
  };

const NO_LIMITS: Limits = {};

/** The limits of an agent: its own, and what the defaults say of the rest. */
export function limitsOf(rules: Rules, agent: string): Limits {
  const own = rules.agents.get(agent)?.limits;
  return own === undefined ? rules.limits ?? NO_LIMITS : { ...rules.limits, ...own };
}

/**
 * Counts the calls of all agents. Calls under way are those of this process; calls per minute may be
 * counted by several gateways together. What is counted outlives a reload: only limits change.
 */
export class CallLimits {
  readonly #options: CallLimitsOptions;
  readonly #running = new Map<string, number>();
  #total = 0;
  #counter: Promise<MinuteCounter> | undefined;

  /**
   * Loads and opens nothing before there is a limit per minute.
   *
   * @param options See there.
   */
  constructor(options: CallLimitsOptions) {
    this.#options = options;
  }

  /** Calls under way. */
  get callCount(): number {
    return this.#total;
  }

  /**
   * Says whether a call may begin. It counts for the minute even where it may not, so that whoever
   * does not wait gains nothing.
   *
   * @returns At once where nothing is counted by the minute.
   */
  admit(newcomer: CallRequest): AdmitResult | Promise<AdmitResult> {
    const { limits: { perMinute }, unanswered } = newcomer;
    if (unanswered > MAX_UNANSWERED) {
      return refuse(
        `This connection waits for ${MAX_UNANSWERED} answers, as many as it may. ` +
          "Call again when some of them are there.",
      );
    }
    const isCounted = perMinute !== undefined || this.#options.callsPerMinute !== undefined;
    return isCounted ? this.#admitCounted(newcomer) : this.#begin(newcomer);
  }

  async #admitCounted(newcomer: CallRequest): Promise<AdmitResult> {
    const { agent, limits: { perMinute } } = newcomer;
    const { callsPerMinute } = this.#options;
    if (perMinute !== undefined) {
      const refused = await this.#checkRate(`agent:${agent}`, perMinute, `Agent "${agent}"`);
      if (refused !== undefined) return refused;
    }
    // After the agent's own, so that one who is refused anyway uses up nothing of the others.
    if (callsPerMinute !== undefined) {
      const refused = await this.#checkRate("all", callsPerMinute, "The gateway");
      if (refused !== undefined) return refused;
    }
    return this.#begin(newcomer);
  }

  /** Without waiting for anything: what is free now is free when it is taken. */
  #begin({ agent, limits: { concurrent } }: CallRequest): AdmitResult {
    const { maxCalls } = this.#options;
    const running = this.#running.get(agent) ?? 0;
    if (concurrent !== undefined && running >= concurrent) {
      return refuse(
        `Agent "${agent}" has ${running} ${
          callsOf(running)
        } under way, as many as it may (${concurrent}). ` +
          "Call again when one of them is answered.",
      );
    }
    if (this.#total >= maxCalls) {
      return refuse(
        `The gateway has ${this.#total} calls under way, as many as it may. Call again a little later.`,
      );
    }
    return new Permit(agent, this.#count);
  }

  /** Forgets everything, and ends the connection to Redis where there is one. */
  async close(): Promise<void> {
    const counter = await this.#counter?.catch(() => undefined);
    await counter?.close();
  }

  async #checkRate(key: string, limit: number, who: string): Promise<AdmitResult | undefined> {
    this.#counter ??= this.#openCounter();
    const { count, resetMs } = await (await this.#counter).count(key);
    if (count <= limit) return undefined;
    // What the store says of time need not make sense; a wait of nothing would be asked again at once.
    const retryAfterMs = Math.max(1, Math.ceil(resetMs));
    const seconds = Math.ceil(retryAfterMs / 1000);
    return refuse(
      `${who} has made the ${limit} ${callsOf(limit)} that it may make in a minute. ` +
        `Call again in ${seconds} s.`,
      retryAfterMs,
    );
  }

  async #openCounter(): Promise<MinuteCounter> {
    const { state, log } = this.#options;
    const memory = await openMemoryCounter();
    if (state === "memory") return memory;
    const { openRedisCounter } = await import("./redis_counter.ts");
    return await openRedisCounter({ url: state, fallback: memory, log });
  }

  readonly #count: CountCalls = (agent, change) => {
    this.#total += change;
    this.#running.set(agent, Math.max(0, (this.#running.get(agent) ?? 0) + change));
    // Not one by one: what is put in and taken out with every call keeps more than it holds.
    if (this.#total === 0 && this.#running.size > MAX_IDLE_AGENTS) this.#running.clear();
  };
}

/** Counts calls of an agent as begun or ended. */
type CountCalls = (agent: string, change: 1 | -1) => void;

/**
 * The permit of a call under way. Dispose of it when the call is over, however it ended; to do so
 * again does nothing.
 */
export class Permit implements Disposable {
  /** Distinguishes it from a refusal. */
  readonly kind = "admitted";
  readonly #agent: string;
  readonly #count: CountCalls;
  #isPaused = false;
  #isOver = false;

  /**
   * Counts the call.
   *
   * @param agent The agent that calls.
   * @param count Counts its calls.
   */
  constructor(agent: string, count: CountCalls) {
    this.#agent = agent;
    this.#count = count;
    count(agent, 1);
  }

  /** Counts the call no longer, while a person is asked something for it. */
  pause(): void {
    if (this.#isPaused || this.#isOver) return;
    this.#isPaused = true;
    this.#count(this.#agent, -1);
  }

  /**
   * Counts the call again. Other calls may have begun meanwhile, so for a moment the agent and the
   * gateway may have more calls under way than their limits allow: none is ended for that.
   */
  resume(): void {
    if (!this.#isPaused || this.#isOver) return;
    this.#isPaused = false;
    this.#count(this.#agent, 1);
  }

  /** Counts the call no longer: it is over. */
  [Symbol.dispose](): void {
    if (!this.#isPaused && !this.#isOver) this.#count(this.#agent, -1);
    this.#isOver = true;
  }
}

function refuse(message: string, retryAfterMs: number = RETRY_MS): AdmitResult {
  return { kind: "refused", message, retryAfterMs };
}

function callsOf(count: number): string {
  return count === 1 ? "call" : "calls";
}
