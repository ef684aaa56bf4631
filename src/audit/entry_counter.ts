import type { AuditEntry } from "./entry.ts";

/** Number of entries of one source in a minute that have a line each. */
const MAX_LINES = 20;

const MINUTE_MS = 60_000;

/** Interval of the lines with the numbers of further entries, in milliseconds. */
const SUMMARY_MS = 1000;

/** Maximum number of sources that are counted separately; further sources are counted together. */
const MAX_SOURCES = 1000;

/** The entries of one source in its current minute. */
interface Source {
  /** End of the minute, on the clock of `performance.now()`. */
  endsAt: number;
  /** Number of entries that were written. */
  lines: number;
  /** Number of entries since the last summary that have no line, by code, or by operation if they have none. */
  readonly counts: Map<string, number>;
  /** The last entry that has no line; meaningless while `counts` is empty. */
  last: AuditEntry;
}

/**
 * Writes entries that are cheap to cause. After many entries of one source in a minute, counts further ones, and
 * writes only their numbers.
 */
export class EntryCounter {
  readonly #summary: Pick<AuditEntry, "operation" | "decision">;
  readonly #write: (entry: AuditEntry) => void;
  readonly #sources = new Map<string, Source>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Creates a counter without entries.
   *
   * @param summary Operation and decision of the entries with numbers.
   * @param write Writes an entry.
   */
  constructor(
    summary: Pick<AuditEntry, "operation" | "decision">,
    write: (entry: AuditEntry) => void,
  ) {
    this.#summary = summary;
    this.#write = write;
  }

  /** Writes or counts an entry. */
  add(sourceName: string, entry: AuditEntry): void {
    const now = performance.now();
    const source = this.#sourceOf(sourceName, entry);
    if (now >= source.endsAt) {
      source.endsAt = now + MINUTE_MS;
      source.lines = 0;
    }
    if (source.lines < MAX_LINES) {
      source.lines++;
      return this.#write(entry);
    }
    const { code: name = entry.operation } = entry;
    source.counts.set(name, (source.counts.get(name) ?? 0) + 1);
    source.last = entry;
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#summarize();
    }, SUMMARY_MS);
    // The timer alone must not keep the process alive.
    Deno.unrefTimer(Number(this.#timer));
  }

  /** Writes the numbers of the entries that have no line. */
  close(): void {
    clearTimeout(this.#timer);
    this.#summarize();
  }

  #sourceOf(name: string, entry: AuditEntry): Source {
    let key = name;
    if (!this.#sources.has(key) && this.#sources.size >= MAX_SOURCES) {
      this.#forgetIdle();
      if (this.#sources.size >= MAX_SOURCES) key = "";
    }
    let source = this.#sources.get(key);
    if (source === undefined) {
      source = { endsAt: 0, lines: 0, counts: new Map(), last: entry };
      this.#sources.set(key, source);
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
    for (const { counts, last: { timestamp, agent_id, address } } of this.#sources.values()) {
      if (counts.size === 0) continue;
      const further = Object.fromEntries(counts);
      counts.clear();
      this.#write({
        timestamp,
        agent_id,
        address,
        ...this.#summary,
        counts: further,
      });
    }
  }
}
