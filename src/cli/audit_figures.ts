import { roundThousandths } from "../rounding.ts";
import type { ReadEntry } from "./audit_entry.ts";

/** Figures of one agent, server or tool. */
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
  readonly tool_errors: number;
  readonly operations: readonly Figures[];
  readonly agents: readonly Figures[];
  readonly servers: readonly Figures[];
  readonly tools: readonly Figures[];
  /** Denials by agent and rule. */
  readonly denials: readonly {
    readonly agent: string;
    readonly rule: string;
    readonly count: number;
  }[];
  /** Errors by code. */
  readonly errors: readonly { readonly code: string; readonly count: number }[];
}

/**
 * Maximum number of distinct names of a kind, so that memory is bounded whatever a log contains.
 */
const MAX_NAMES = 10_000;

const OTHER = "other";

/** Counts entries. */
export class AuditCounter {
  #first = Infinity;
  #last = -Infinity;
  #count = 0;
  #toolErrors = 0;
  readonly #decisions = new Map<string, number>();
  readonly #denials = new Map<string, number>();
  readonly #errors = new Map<string, number>();
  readonly #operations = new Map<string, AuditTally>();
  readonly #agents = new Map<string, AuditTally>();
  readonly #servers = new Map<string, AuditTally>();
  readonly #tools = new Map<string, AuditTally>();

  /** Counts an entry. */
  add(entry: ReadEntry): void {
    const { time, agent, operation, server, tool, decision, code, rule } = entry;
    this.#count++;
    if (entry.isToolError) this.#toolErrors++;
    // Several gateways may write one log, so lines are not strictly in order.
    this.#first = Math.min(this.#first, time);
    this.#last = Math.max(this.#last, time);
    increase(this.#decisions, decision);
    tallyOf(this.#operations, operation).add(entry);
    tallyOf(this.#agents, agent).add(entry);
    if (server !== "") tallyOf(this.#servers, server).add(entry);
    if (tool !== "") tallyOf(this.#tools, `${server}/${tool}`).add(entry);
    if (decision === "DENY") increase(this.#denials, JSON.stringify([agent, rule || code]));
    if (decision === "ERROR") increase(this.#errors, code);
  }

  /** The figures so far, the most frequent first. */
  figures(): AuditFigures {
    return {
      count: this.#count,
      ...(this.#count > 0 && {
        from: new Date(this.#first).toISOString(),
        to: new Date(this.#last).toISOString(),
      }),
      decisions: Object.fromEntries(byCount(this.#decisions)),
      tool_errors: this.#toolErrors,
      operations: figuresOf(this.#operations),
      agents: figuresOf(this.#agents),
      servers: figuresOf(this.#servers),
      tools: figuresOf(this.#tools),
      denials: byCount(this.#denials).map(([key, count]) => {
        const [agent, rule]: [string, string] = key === OTHER ? [OTHER, OTHER] : JSON.parse(key);
        return { agent, rule, count };
      }),
      errors: byCount(this.#errors).map(([code, count]) => ({ code, count })),
    };
  }
}

/** Growth of the latency buckets: 2 %, from a microsecond on. */
const GROWTH = Math.log(1.02);

/** Entries of one name; a few hundred bytes, unlike the histogram of a library (30 kB). */
class AuditTally {
  count = 0;
  denied = 0;
  errors = 0;
  toolErrors = 0;
  maxMs = 0;
  readonly #buckets = new Map<number, number>();

  add({ decision, latencyMs, isToolError }: ReadEntry): void {
    this.count++;
    if (isToolError) this.toolErrors++;
    if (decision === "DENY") this.denied++;
    if (decision === "ERROR") this.errors++;
    this.maxMs = Math.max(this.maxMs, latencyMs);
    const bucket = Math.ceil(Math.log(Math.max(1, latencyMs * 1000)) / GROWTH);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
  }

  p95Ms(): number {
    let left = Math.ceil(this.count * 0.95);
    for (const [bucket, count] of [...this.#buckets].sort(([one], [two]) => one - two)) {
      left -= count;
      if (left <= 0) return Math.min(this.maxMs, Math.exp(bucket * GROWTH) / 1000);
    }
    return 0;
  }
}

function tallyOf(tallies: Map<string, AuditTally>, name: string): AuditTally {
  const known = tallies.size < MAX_NAMES || tallies.has(name) ? name : OTHER;
  let tally = tallies.get(known);
  if (tally === undefined) tallies.set(known, tally = new AuditTally());
  return tally;
}

function increase(counts: Map<string, number>, name: string): void {
  const known = counts.size < MAX_NAMES || counts.has(name) ? name : OTHER;
  counts.set(known, (counts.get(known) ?? 0) + 1);
}

function byCount(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([one, count], [two, other]) => other - count || compare(one, two));
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
