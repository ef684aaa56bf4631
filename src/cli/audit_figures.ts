import { roundThousandths } from "../rounding.ts";
import type { ParsedEntry } from "./audit_entry.ts";

/** Figures of one agent, server, tool, resource or prompt. */
export interface Figures {
  readonly name: string;
  /** Number of operations. */
  readonly count: number;
  readonly denied: number;
  readonly errors: number;
  /** Number of allowed operations whose server's tool returned an error. */
  readonly tool_errors: number;
  /** 95th percentile of the latencies in milliseconds, accurate to 2 %. */
  readonly p95_ms: number;
  /** Highest latency in milliseconds. */
  readonly max_ms: number;
}

/** All figures of an audit log. */
export interface AuditFigures {
  /** Number of entries. */
  readonly count: number;
  /** Times of the first and the last entry, as ISO 8601; absent if there are none. */
  readonly from?: string;
  readonly to?: string;
  readonly decisions: Readonly<Record<string, number>>;
  /** Operations that shadow mode let through, by agent and rule; included in `decisions`. */
  readonly shadowed: readonly ShadowFigures[];
  readonly tool_errors: number;
  readonly operations: readonly Figures[];
  readonly agents: readonly Figures[];
  readonly servers: readonly Figures[];
  readonly tools: readonly Figures[];
  /** Named by server and URI. */
  readonly resources: readonly Figures[];
  readonly prompts: readonly Figures[];
  /** Denials by agent and rule. */
  readonly denials: readonly {
    readonly agent: string;
    readonly rule: string;
    readonly count: number;
  }[];
  /** Errors by code. */
  readonly errors: readonly { readonly code: string; readonly count: number }[];
  /** Calls that have begun and have no end in the log, the newest first: active, or cut off. */
  readonly unfinished: readonly UnfinishedCall[];
}

/** Operations of an agent that shadow mode let through, although a rule does not allow them. */
export interface ShadowFigures {
  readonly agent: string;
  readonly rule: string;
  /** The decision of the rule: `DENY` or `ASK`. */
  readonly decision: string;
  readonly count: number;
}

/** A call that has begun and has no end in the log. */
export interface UnfinishedCall {
  /** The beginning, as ISO 8601. */
  readonly begun: string;
  readonly agent: string;
  readonly operation: string;
  readonly server: string;
  /** The tool, the URI of the resource, and the prompt: `""` for those that the call does not have. */
  readonly tool: string;
  readonly uri: string;
  readonly prompt: string;
  /** The session and the request id, as a JSON array. */
  readonly call: string;
}

/**
 * Maximum number of distinct names of each kind, such as agents, so that a log of any content takes
 * bounded memory. All further names are counted as `other`.
 */
const MAX_NAMES = 10_000;

const OTHER = "other";

/** Maximum number of ended calls that are remembered until their beginnings are read. */
const MAX_ENDED = 100_000;

/** Codes of refusals whose decision is `ERROR`. */
const FAILURES: ReadonlySet<string> = new Set([
  "INVALID_ARGUMENTS",
  "TOOL_NOT_FOUND",
  "TOOL_CHANGED",
  "RESOURCE_NOT_FOUND",
  "PROMPT_NOT_FOUND",
  "SERVER_UNAVAILABLE",
  "AUTH_REQUIRED",
  "TIMEOUT",
  "AUDIT_UNAVAILABLE",
  "CANCELLED",
  "INTERNAL_ERROR",
]);

/** Counts audit entries by agent, operation, server, tool, decision, denial and error. */
export class AuditCounter {
  #first = Infinity;
  #last = -Infinity;
  #count = 0;
  #toolErrors = 0;
  readonly #decisions = new Map<string, number>();
  readonly #shadowed = new Map<string, number>();
  readonly #denials = new Map<string, number>();
  readonly #errors = new Map<string, number>();
  readonly #operations = new Map<string, AuditTally>();
  readonly #agents = new Map<string, AuditTally>();
  readonly #servers = new Map<string, AuditTally>();
  readonly #tools = new Map<string, AuditTally>();
  readonly #resources = new Map<string, AuditTally>();
  readonly #prompts = new Map<string, AuditTally>();
  // Ids of calls whose end was added, but whose beginning, which is older, was not.
  readonly #ended = new Set<string>();
  readonly #unfinished: UnfinishedCall[] = [];

  /** Adds an entry; entries must be added newest first. */
  add(entry: ParsedEntry): void {
    const { time, agent, operation, server, tool, uri, prompt, phase, callId } = entry;
    if (phase === "begun") {
      if (this.#ended.delete(callId) || this.#unfinished.length >= MAX_NAMES) return;
      const begun = new Date(time).toISOString();
      this.#unfinished.push({ begun, agent, operation, server, tool, uri, prompt, call: callId });
      return;
    }
    // More calls than this are never active at once, so the beginnings of the others are no longer in the files.
    if (phase === "ended" && this.#ended.size < MAX_ENDED) this.#ended.add(callId);
    const counts = Object.entries(entry.counts);
    if (counts.length === 0) this.#countTimes(entry, 1);
    for (const [name, count] of counts) {
      const decision = FAILURES.has(name) ? "ERROR" : "DENY";
      const nameField = entry.decision === "ALLOW" ? { operation: name } : { code: name, decision };
      this.#countTimes({ ...entry, ...nameField }, count);
    }
  }

  #countTimes(entry: ParsedEntry, times: number): void {
    const { time, agent, operation, server, tool, uri, prompt, decision, code, rule } = entry;
    this.#count += times;
    if (entry.isToolError) this.#toolErrors++;
    // Several gateways may write to one log, so its lines are not strictly in order.
    this.#first = Math.min(this.#first, time);
    this.#last = Math.max(this.#last, time);
    increase(this.#decisions, decision, times);
    getTally(this.#operations, operation).add(entry, times);
    getTally(this.#agents, agent).add(entry, times);
    if (server !== "") getTally(this.#servers, server).add(entry, times);
    if (tool !== "") getTally(this.#tools, `${server}/${tool}`).add(entry, times);
    if (uri !== "") getTally(this.#resources, `${server} ${uri}`.trim()).add(entry, times);
    if (prompt !== "") getTally(this.#prompts, `${server}/${prompt}`).add(entry, times);
    if (entry.shadow !== "") {
      increase(this.#shadowed, JSON.stringify([agent, rule, entry.shadow]), times);
    }
    if (decision === "DENY") increase(this.#denials, JSON.stringify([agent, rule || code]), times);
    if (decision === "ERROR") increase(this.#errors, code, times);
  }

  /** The figures so far, the most frequent first. */
  figures(): AuditFigures {
    return {
      count: this.#count,
      ...(this.#count > 0 && {
        from: new Date(this.#first).toISOString(),
        to: new Date(this.#last).toISOString(),
      }),
      decisions: Object.fromEntries(sortByCount(this.#decisions)),
      shadowed: sortByCount(this.#shadowed).map(([key, count]) => {
        const [agent, rule, decision]: [string, string, string] = key === OTHER
          ? [OTHER, OTHER, OTHER]
          : JSON.parse(key);
        return { agent, rule, decision, count };
      }),
      tool_errors: this.#toolErrors,
      operations: figuresOf(this.#operations),
      agents: figuresOf(this.#agents),
      servers: figuresOf(this.#servers),
      tools: figuresOf(this.#tools),
      resources: figuresOf(this.#resources),
      prompts: figuresOf(this.#prompts),
      denials: sortByCount(this.#denials).map(([key, count]) => {
        const [agent, rule]: [string, string] = key === OTHER ? [OTHER, OTHER] : JSON.parse(key);
        return { agent, rule, count };
      }),
      errors: sortByCount(this.#errors).map(([code, count]) => ({ code, count })),
      unfinished: this.#unfinished,
    };
  }
}

/** Logarithm of the ratio of neighboring latency buckets, 1.02. The first bucket ends at 1 µs. */
const BUCKET_GROWTH = Math.log(1.02);

/** Counts the entries of one name in a few hundred bytes; a library's histogram would take 30 kB. */
class AuditTally {
  count = 0;
  denied = 0;
  errors = 0;
  toolErrors = 0;
  maxMs = 0;
  readonly #buckets = new Map<number, number>();

  add({ decision, latencyMs, isToolError }: ParsedEntry, times: number): void {
    this.count += times;
    if (isToolError) this.toolErrors++;
    if (decision === "DENY") this.denied += times;
    if (decision === "ERROR") this.errors += times;
    this.maxMs = Math.max(this.maxMs, latencyMs);
    const bucket = Math.ceil(Math.log(Math.max(1, latencyMs * 1000)) / BUCKET_GROWTH);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + times);
  }

  p95Ms(): number {
    let remaining = Math.ceil(this.count * 0.95);
    for (const [bucket, count] of [...this.#buckets].sort(([one], [two]) => one - two)) {
      remaining -= count;
      if (remaining <= 0) return Math.min(this.maxMs, Math.exp(bucket * BUCKET_GROWTH) / 1000);
    }
    return 0;
  }
}

function getTally(tallies: Map<string, AuditTally>, name: string): AuditTally {
  const key = tallies.size < MAX_NAMES || tallies.has(name) ? name : OTHER;
  let tally = tallies.get(key);
  if (tally === undefined) tallies.set(key, tally = new AuditTally());
  return tally;
}

function increase(counts: Map<string, number>, name: string, times: number): void {
  const key = counts.size < MAX_NAMES || counts.has(name) ? name : OTHER;
  counts.set(key, (counts.get(key) ?? 0) + times);
}

function sortByCount(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([one, oneCount], [two, twoCount]) =>
    twoCount - oneCount || compare(one, two)
  );
}

function figuresOf(tallies: ReadonlyMap<string, AuditTally>): Figures[] {
  return [...tallies]
    .map(([name, tally]) => ({
      name,
      count: tally.count,
      denied: tally.denied,
      errors: tally.errors,
      tool_errors: tally.toolErrors,
      p95_ms: roundThousandths(tally.p95Ms()),
      max_ms: roundThousandths(tally.maxMs),
    }))
    .sort((one, two) => two.count - one.count || compare(one.name, two.name));
}

function compare(one: string, two: string): number {
  return one < two ? -1 : 1;
}
