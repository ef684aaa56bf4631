import type { Limits, Rules } from "../config/mod.ts";
import { Budget } from "../budget.ts";
import { isWithinShare } from "../fair_share.ts";
import type { Log } from "../log.ts";
import { type MinuteCounter, openMemoryCounter } from "./minute_counter.ts";
import { MinuteShares } from "./minute_shares.ts";
import type { Pausable } from "../within.ts";
import { type CountCalls, Permit } from "./permit.ts";

/** Maximum number of unanswered requests of one client. */
const MAX_UNANSWERED = 10_000;

/** Maximum number of agents that are remembered while no call is active, including removed agents. */
const MAX_IDLE_AGENTS = 1000;

/** Minimum memory that an active call takes, in bytes: the gateway's objects for the call (measured: 9 kB). */
const MIN_CALL_MEMORY = 8 * 1024;

/** Suggested retry delay while too many calls are active or unanswered, in milliseconds. */
const RETRY_MS = 1000;

/** The limits of the whole gateway, and the store of the calls per minute. */
export interface CallLimitsOptions {
  /** Maximum number of active calls of all agents, at least 1. */
  readonly maxCalls: number;
  /** Maximum number of calls per minute of all agents, at least 1; absent: no limit. */
  readonly callsPerMinute?: number | undefined;
  /** Store of the calls per minute: `memory`, or the URL of a Redis server. */
  readonly stateStore: string;
  /** Returns whether several agents use the gateway, so that each may use only its share; default: `false`. */
  readonly hasSeveralAgents?: () => boolean;
  /** The memory budget of all calls; default: no limit. */
  readonly memory?: Budget;
  /** Log for the operator. */
  readonly log: Log;
}

/** A request that counts towards the limits. */
export interface CountedRequest {
  /** The agent's name in the rules; empty for all unidentified callers, so that made-up names are not stored. */
  readonly agent: string;
  /** The agent's current limits. */
  readonly limits: Limits;
  /** Number of the client's unanswered requests, including this one. */
  readonly unansweredCount: number;
}

/** A call that may start if no limit is exceeded. */
export interface CallRequest extends CountedRequest {
  /** The memory that the call takes until it ends, in bytes; at least 8 KiB, which is the default. */
  readonly memory?: number;
  /** Whether the call continues one that has been counted against the limits per minute. Default: no. */
  readonly isContinued?: boolean;
  /** Is paused while the call waits for a person; absent for calls that clients make. */
  readonly clock?: Pausable | undefined;
}

/** A request exceeds a limit. */
export interface LimitDenial {
  /** Distinguishes a denial from a permit. */
  readonly kind: "denied";
  /** The limit that was reached and what to do, for the agent. */
  readonly message: string;
  /** Milliseconds to wait before the next attempt. */
  readonly retryAfterMs: number;
}

/** Whether a call may start. */
export type AdmitResult = Permit | LimitDenial;

const NO_LIMITS: Limits = {};

/** Key of the calls of all agents in the store. */
const ALL_AGENTS = "all";

/** Returns the limits of an agent: its own limits, and the defaults of the rules for those that it does not set. */
export function limitsOf(rules: Rules, agent: string): Limits {
  const agentLimits = rules.agents.get(agent)?.limits;
  return agentLimits === undefined
    ? rules.limits ?? NO_LIMITS
    : { ...rules.limits, ...agentLimits };
}

/**
 * Counts the calls of all agents. Active calls are those of this process; several gateways may count
 * calls per minute together. A reload changes the limits but keeps the counts.
 */
export class CallLimits {
  readonly #options: CallLimitsOptions;
  readonly #memory: Budget;
  readonly #hasSeveralAgents: () => boolean;
  readonly #activeCounts = new Map<string, number>();
  readonly #minuteShares = new MinuteShares();
  #activeCount = 0;
  #counter: Promise<MinuteCounter> | undefined;

  /** Creates the limits; loads and opens nothing until there is a limit per minute. */
  constructor(options: CallLimitsOptions) {
    this.#options = options;
    this.#memory = options.memory ?? new Budget(Infinity);
    this.#hasSeveralAgents = options.hasSeveralAgents ?? (() => false);
  }

  /** The number of active calls. */
  get callCount(): number {
    return this.#activeCount;
  }

  /**
   * Decides whether a call may start. A denied call also counts against the limits per minute, so that a caller
   * gains nothing by not waiting.
   *
   * @returns A promise only if a limit per minute applies.
   */
  admit(request: CallRequest): AdmitResult | Promise<AdmitResult> {
    const denial = request.isContinued === true ? checkUnanswered(request) : this.count(request);
    return denial instanceof Promise
      ? denial.then((resolved) => resolved ?? this.#admitConcurrent(request))
      : denial ?? this.#admitConcurrent(request);
  }

  /**
   * Counts a request against the limits per minute only; it does not become an active call.
   *
   * @returns The denial if a limit is exceeded; a promise only if a limit per minute applies.
   */
  count(request: CountedRequest): LimitDenial | undefined | Promise<LimitDenial | undefined> {
    const { limits: { perMinute } } = request;
    const denial = checkUnanswered(request);
    if (denial !== undefined) return denial;
    const isCounted = perMinute !== undefined || this.#options.callsPerMinute !== undefined;
    return isCounted ? this.#countMinute(request) : undefined;
  }

  async #countMinute(
    { agent, limits: { perMinute } }: CountedRequest,
  ): Promise<LimitDenial | undefined> {
    const { callsPerMinute } = this.#options;
    if (perMinute !== undefined) {
      const denial = await this.#checkRate(`agent:${agent}`, perMinute, describeAgent(agent));
      if (denial !== undefined) return denial;
    }
    if (callsPerMinute === undefined) return undefined;
    // The shared limit comes last, so that calls that exceed the agent's own limit do not use it up.
    if (this.#hasSeveralAgents()) {
      const retryAfterMs = this.#minuteShares.take(agent, callsPerMinute);
      if (retryAfterMs !== undefined) {
        const quota = `the ${callsPerMinute} calls that all agents may make in a minute`;
        return denyRate(`${describeAgent(agent)} has used its share of ${quota}.`, retryAfterMs);
      }
    }
    return await this.#checkRate(ALL_AGENTS, callsPerMinute, "The gateway");
  }

  /**
   * Checks the number of active calls and counts this call in the same tick, so that no other call starts in
   * between.
   */
  #admitConcurrent(
    { agent, limits: { concurrent }, memory: callMemory = 0, clock }: CallRequest,
  ): AdmitResult {
    const { maxCalls } = this.#options;
    const activeCount = this.#activeCounts.get(agent) ?? 0;
    if (concurrent !== undefined && activeCount >= concurrent) {
      return denyActive(agent, activeCount, `; its limit is ${concurrent}`);
    }
    if (this.#activeCount >= maxCalls) {
      return deny(
        `The gateway already has ${this.#activeCount} active calls, its maximum. Call again a little later.`,
      );
    }
    if (this.#hasSeveralAgents() && !isWithinShare(activeCount, maxCalls - this.#activeCount)) {
      return denyActive(
        agent,
        activeCount,
        `, its share of the ${maxCalls} that all agents may have`,
      );
    }
    const memory = Math.max(callMemory, MIN_CALL_MEMORY);
    const share = this.#memory.share(`agent ${agent}`);
    if (!share.hasRoom(memory)) return deny(describeNoRoom(agent, memory, share));
    return new Permit(agent, { count: this.#countCall, memory, share, clock });
  }

  /** Stops counting calls per minute, and closes the connection to Redis, if any. */
  async close(): Promise<void> {
    const counter = await this.#counter?.catch(() => undefined);
    await counter?.close();
  }

  async #checkRate(key: string, limit: number, subject: string): Promise<LimitDenial | undefined> {
    this.#counter ??= this.#openCounter();
    const windowCount = await (await this.#counter).increment(key);
    const { count, resetMs } = windowCount;
    if (key === ALL_AGENTS) this.#minuteShares.update(windowCount);
    if (count <= limit) return undefined;
    return denyRate(
      `${subject} has made the ${limit} ${callNoun(limit)} that it may make in a minute.`,
      resetMs,
    );
  }

  async #openCounter(): Promise<MinuteCounter> {
    const { stateStore, log } = this.#options;
    const memoryCounter = await openMemoryCounter();
    if (stateStore === "memory") return memoryCounter;
    const { openRedisCounter } = await import("./redis_counter.ts");
    return await openRedisCounter({ url: stateStore, fallback: memoryCounter, log });
  }

  readonly #countCall: CountCalls = (agent, change) => {
    this.#activeCount += change;
    this.#activeCounts.set(agent, Math.max(0, (this.#activeCounts.get(agent) ?? 0) + change));
    // All entries are cleared at once: a `Map` with an insertion and a deletion per call takes more memory than it needs.
    if (this.#activeCount === 0 && this.#activeCounts.size > MAX_IDLE_AGENTS) {
      this.#activeCounts.clear();
    }
  };
}

function checkUnanswered({ unansweredCount }: CountedRequest): LimitDenial | undefined {
  return unansweredCount <= MAX_UNANSWERED ? undefined : deny(
    `This connection already has ${MAX_UNANSWERED} unanswered calls, its maximum. ` +
      "Call again when some of them are answered.",
  );
}

function deny(message: string, retryAfterMs: number = RETRY_MS): LimitDenial {
  return { kind: "denied", message, retryAfterMs };
}

/** Denies a call of an agent that has too many active calls; `limitClause` ends the sentence that says so. */
function denyActive(agent: string, count: number, limitClause: string): LimitDenial {
  const calls = `${count} active ${callNoun(count)}`;
  return deny(
    `${
      describeAgent(agent)
    } already has ${calls}${limitClause}. Call again when one of them is answered.`,
  );
}

/** Denies a request until the minute ends. */
function denyRate(message: string, resetMs: number): LimitDenial {
  // The store's time may be wrong; without a minimum, the caller would retry immediately.
  const retryAfterMs = Math.max(1, Math.ceil(resetMs));
  return deny(`${message} Call again in ${Math.ceil(retryAfterMs / 1000)} s.`, retryAfterMs);
}

/** Describes which memory budget has no room for a call, and what to do. */
function describeNoRoom(agent: string, memory: number, share: Budget): string {
  const neededMemory = `this one would take ${toMib(memory)} MiB of memory`;
  if (share.used > 0 && share.isExceeded(memory)) {
    const takenMemory = `The active calls of agent "${agent}" take ${
      toMib(share.used)
    } MiB of memory`;
    return `${takenMemory}, and ${neededMemory}; its limit is ${toMib(share.max)} MiB. ` +
      "Call again when one of them is answered.";
  }
  return `The gateway holds its maximum of messages and active calls in memory, and ${neededMemory}. ` +
    "Call again a little later, with smaller arguments if possible.";
}

function toMib(bytes: number): number {
  return Math.ceil(bytes / (1024 * 1024));
}

function describeAgent(agent: string): string {
  return agent === "" ? "Everyone without a known agent id" : `Agent "${agent}"`;
}

function callNoun(count: number): string {
  return count === 1 ? "call" : "calls";
}
