import type { AuditEntry } from "./entry.ts";

/** Number of entries of one source per minute that get a line of their own. */
const MAX_LINES = 20;

const MINUTE_MS = 60_000;

/** Interval of the summaries of each source, in milliseconds. */
const SUMMARY_MS = 1000;

/** Maximum number of sources that are counted separately; further sources are counted together. */
const MAX_SOURCES = 1000;

/** The source that stands for all sources together. */
const ALL_SOURCES = "";

/** Options of a counter. */
export interface EntryCounterOptions {
  /** Operation and decision of the summaries. */
  readonly summary: Pick<AuditEntry, "operation" | "decision">;
  /** Writes an entry. */
  readonly write: (entry: AuditEntry) => void;
  /**
   * Number of entries of all sources per minute that get a line of their own. Further entries are then summarized
   * once a minute, without their sources. Default: no such limit; each source has its own summaries.
   */
  readonly maxTotalLines?: number;
}

/** The parts of an entry that a summary repeats. */
type EntryOrigin = Pick<AuditEntry, "timestamp" | "agent_id" | "address">;

/** The entries of one source in its current minute. */
interface Source {
  /** End of the minute, on the clock of `performance.now()`. */
  endsAt: number;
  /** Number of entries that were written. */
  lines: number;
  /** Number of entries for the next summary, by code, or by operation if they have no code. */
  readonly counts: Map<string, number>;
  /** The caller and time of the last entry in `counts`; meaningless while `counts` is empty. */
  lastOrigin: EntryOrigin;
}

/**
 * Writes entries that callers can cause cheaply. After many entries of one source in a minute, further ones are only
 * counted, and the counts are written as a summary.
 */
export class EntryCounter {
  readonly #options: EntryCounterOptions;
  readonly #sources = new Map<string, Source>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Creates a counter without entries. */
  constructor(options: EntryCounterOptions) {
    this.#options = options;
  }

  /** Writes or counts an entry. */
  add(sourceName: string, entry: AuditEntry): void {
    const { write, maxTotalLines } = this.#options;
    const source = this.#sourceOf(sourceName, entry);
    const allSources = maxTotalLines === undefined ? undefined : this.#sourceOf(ALL_SOURCES, entry);
    if (
      source.lines < MAX_LINES &&
      (allSources === undefined || allSources.lines < (maxTotalLines ?? 0))
    ) {
      source.lines++;
      // If there are too many sources, the source itself is `ALL_SOURCES`.
      if (allSources !== undefined && allSources !== source) allSources.lines++;
      return write(entry);
    }
    const { counts } = allSources ?? source;
    const { code: name = entry.operation } = entry;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    const { timestamp, agent_id, address } = entry;
    // The whole entry is not kept, because its texts may be long.
    if (allSources === undefined) source.lastOrigin = { timestamp, agent_id, address };
    else allSources.lastOrigin = { timestamp, agent_id };
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#summarize();
    }, maxTotalLines === undefined ? SUMMARY_MS : MINUTE_MS);
    // The timer alone must not keep the process alive.
    Deno.unrefTimer(Number(this.#timer));
  }

  /** Writes the last summaries. */
  close(): void {
    clearTimeout(this.#timer);
    this.#summarize();
  }

  /** Returns a source in its current minute. */
  #sourceOf(name: string, entry: AuditEntry): Source {
    const now = performance.now();
    let key = name;
    if (!this.#sources.has(key) && this.#sources.size >= MAX_SOURCES) {
      this.#forgetIdle();
      if (this.#sources.size >= MAX_SOURCES) key = ALL_SOURCES;
    }
    let source = this.#sources.get(key);
    if (source === undefined) {
      const { timestamp, agent_id } = entry;
      source = { endsAt: 0, lines: 0, counts: new Map(), lastOrigin: { timestamp, agent_id } };
      this.#sources.set(key, source);
    }
    if (now >= source.endsAt) {
      source.endsAt = now + MINUTE_MS;
      source.lines = 0;
    }
    return source;
  }

  #forgetIdle(): void {
    const now = performance.now();
    for (const [name, { endsAt, counts }] of this.#sources) {
      if (now >= endsAt && counts.size === 0) this.#sources.delete(name);
    }
  }

  #summarize(): void {
    for (const { counts, lastOrigin } of this.#sources.values()) {
      if (counts.size === 0) continue;
      const countsByName = Object.fromEntries(counts);
      counts.clear();
      this.#options.write({
        ...lastOrigin,
        ...this.#options.summary,
        counts: countsByName,
      });
    }
  }
}
