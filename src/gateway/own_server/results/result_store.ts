import type { Budget } from "../../../budget.ts";
import type { Log } from "../../../log.ts";
import { linkInfoAt } from "../../../file_identity.ts";
import { FILE_NAME, FileBytes, MemoryBytes } from "./byte_stores.ts";
import { type ByteStore, KeptText } from "./kept_text.ts";

const MIB = 1024 * 1024;

/** Time for which a result is kept, in minutes. */
export const KEPT_MINUTES = 15;

/** Maximum size of a result in memory, in bytes. A result in a file counts as at least as large: this limits the files. */
const MAX_MEMORY_BYTES = MIB;

/** Memory of a result besides its text, in bytes (measured): thousands of short results must not count as nothing. */
const RESULT_BYTES = 2048;

/** Size of a handle in bytes. */
const HANDLE_BYTES = 16;

/** Minimum time between two warnings about the disk, in milliseconds. */
const WARNING_MS = 60_000;

/** Maximum sizes of what is kept, in bytes. */
const DEFAULT_CAPS: ResultCaps = { connectionBytes: 64 * MIB, totalBytes: 256 * MIB };

/** The limits on what is kept, in bytes. */
export interface ResultCaps {
  /** For a connection. */
  readonly connectionBytes: number;
  /** For all connections. */
  readonly totalBytes: number;
}

/** Options of a store of results. */
export interface ResultStoreOptions {
  /** Folder for the files of large results, which have no names in it. */
  readonly folder: string;
  /** Returns the memory of an agent's results; what does not fit is kept on disk. */
  readonly memoryOf: (agent: string) => Budget;
  /** Receives failures of the disk. */
  readonly log: Log;
  /** The limits on what is kept; default: 64 MiB and 256 MiB. */
  readonly caps?: ResultCaps;
  /** Returns the time of a monotonic clock, in milliseconds. Default: `performance.now`. */
  readonly now?: () => number;
}

/** The agent and the connection that a result was given to. */
export interface ResultOwner {
  /** Id of the client's connection. */
  readonly connectionId: string;
  /** Id of the agent. */
  readonly agent: string;
}

/** A result that is kept. */
export interface KeptResult {
  /** The whole text. */
  readonly text: KeptText;
  /** The limit that it exceeded, in tokens. */
  readonly maxTokens: number;
}

/** The handle and the number of lines of a result that is kept, or the reason why it is not kept. */
export type KeepOutcome =
  | { readonly handle: string; readonly lines: number }
  | { readonly reason: string };

interface Entry extends KeptResult {
  readonly handle: string;
  readonly owner: ResultOwner;
  readonly bytes: number;
  readonly memory: Budget | undefined;
  readonly expiresAt: number;
}

/** Keeps results that were too large for an agent, for a limited time. */
export class ResultStore {
  readonly #options: ResultStoreOptions;
  readonly #caps: ResultCaps;
  readonly #now: () => number;
  // By handle; the oldest comes first.
  readonly #entries = new Map<string, Entry>();
  readonly #connectionBytes = new Map<string, number>();
  readonly #agentBytes = new Map<string, number>();
  #totalBytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasSwept = false;
  #warnedAt = -Infinity;

  /** Creates an empty store. */
  constructor(options: ResultStoreOptions) {
    this.#options = options;
    this.#caps = options.caps ?? DEFAULT_CAPS;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Keeps a text. Older results are dropped if there is no room for it.
   *
   * @param options Owner and limit of the result, and the signal of the call, which aborts if nobody can use the handle.
   */
  async keep(
    text: string,
    { owner, maxTokens, signal }: {
      readonly owner: ResultOwner;
      readonly maxTokens: number;
      readonly signal: Pick<AbortSignal, "aborted">;
    },
  ): Promise<KeepOutcome> {
    const { connectionBytes } = this.#caps;
    const tooLarge = { reason: `it is larger than ${Math.floor(connectionBytes / MIB)} MiB` };
    if (text.length > connectionBytes) return tooLarge;
    const memory = this.#memoryFor(text, owner.agent);
    // Makes room for the length of the text, because its size is known only after it is written.
    this.#count(owner, text.length);
    this.#makeRoom(owner);
    let keptText: KeptText | undefined;
    try {
      keptText = await this.#write(text, { isInMemory: memory !== undefined, party: owner.agent });
    } catch (error) {
      this.#warn(error);
      return { reason: reasonOf(error) };
    } finally {
      this.#count(owner, -text.length);
    }
    const bytes = memory === undefined
      ? Math.max(MAX_MEMORY_BYTES, keptText.bytes)
      : RESULT_BYTES + keptText.bytes;
    if (bytes > connectionBytes || signal.aborted) {
      keptText.close();
      return signal.aborted ? { reason: "the call was cancelled" } : tooLarge;
    }
    const handle = createHandle();
    const expiresAt = this.#now() + KEPT_MINUTES * 60_000;
    memory?.add(bytes);
    this.#count(owner, bytes);
    this.#entries.set(handle, {
      handle,
      owner,
      text: keptText,
      maxTokens,
      bytes,
      memory,
      expiresAt,
    });
    this.#makeRoom(owner);
    this.#scheduleExpiry();
    return { handle, lines: keptText.lineCount };
  }

  /** Finds a result of an agent on a connection; `undefined` if it is not kept, or was given to another. */
  find(handle: string, { connectionId, agent }: ResultOwner): KeptResult | undefined {
    this.#dropExpired();
    const entry = this.#entries.get(handle);
    const isOwner = entry?.owner.connectionId === connectionId && entry.owner.agent === agent;
    return isOwner ? entry : undefined;
  }

  /** Drops the results of a connection that has ended. */
  endConnection(connectionId: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.owner.connectionId === connectionId) this.#drop(entry);
    }
  }

  /** Drops all results. */
  close(): void {
    for (const entry of this.#entries.values()) this.#drop(entry);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Returns the memory for a text that is kept in memory; `undefined` for one on disk. */
  #memoryFor(text: string, agent: string): Budget | undefined {
    if (text.length > MAX_MEMORY_BYTES) return undefined;
    const bytes = text.length * (/[^\0-\xff]/.test(text) ? 2 : 1);
    if (bytes > MAX_MEMORY_BYTES) return undefined;
    const memory = this.#options.memoryOf(agent);
    return memory.hasRoom(RESULT_BYTES + bytes) ? memory : undefined;
  }

  async #write(
    text: string,
    { isInMemory, party }: { readonly isInMemory: boolean; readonly party: string },
  ): Promise<KeptText> {
    const store = isInMemory ? new MemoryBytes() : await this.#createFile();
    try {
      return await KeptText.write(text, { store, party: `agent ${party}` });
    } catch (error) {
      store.close();
      throw error;
    }
  }

  async #createFile(): Promise<ByteStore> {
    const { folder } = this.#options;
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    if (!this.#hasSwept) {
      // A link could lead to files that are not the gateway's.
      if (linkInfoAt(folder)?.isDirectory !== true) throw new Error(`${folder} is not a folder`);
      this.#hasSwept = true;
      if (Deno.build.os !== "windows") await Deno.chmod(folder, 0o700);
      await sweep(folder);
    }
    return await FileBytes.create(folder);
  }

  /**
   * Drops the oldest results of a connection until it is within its limit, and then the oldest results of the agent that
   * has the most, until all connections together are within theirs.
   */
  #makeRoom({ connectionId }: ResultOwner): void {
    const { connectionBytes, totalBytes } = this.#caps;
    const isOver = () => (this.#connectionBytes.get(connectionId) ?? 0) > connectionBytes;
    for (const entry of this.#entries.values()) {
      if (!isOver()) break;
      if (entry.owner.connectionId === connectionId) this.#drop(entry);
    }
    while (this.#totalBytes > totalBytes) {
      // Other agents must not lose their results because of one that has many connections.
      const mostBytes = Math.max(...this.#agentBytes.values());
      const oldest = this.#entries.values().find(({ owner: { agent } }) => {
        return this.#agentBytes.get(agent) === mostBytes;
      }) ?? this.#entries.values().next().value;
      // The remaining bytes are those of texts that are being written.
      if (oldest === undefined) return;
      this.#drop(oldest);
    }
  }

  #count({ connectionId, agent }: ResultOwner, bytes: number): void {
    this.#totalBytes += bytes;
    addTo(this.#connectionBytes, connectionId, bytes);
    addTo(this.#agentBytes, agent, bytes);
  }

  #drop({ handle, owner, text, memory, bytes }: Entry): void {
    this.#entries.delete(handle);
    this.#count(owner, -bytes);
    memory?.add(-bytes);
    text.close();
  }

  #dropExpired(): void {
    const now = this.#now();
    for (const entry of this.#entries.values()) {
      if (entry.expiresAt > now) break;
      this.#drop(entry);
    }
  }

  #scheduleExpiry(): void {
    const oldest = this.#entries.values().next().value;
    if (this.#timer !== undefined || oldest === undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#dropExpired();
      this.#scheduleExpiry();
    }, Math.max(1000, oldest.expiresAt - this.#now()));
    Deno.unrefTimer(Number(this.#timer));
  }

  #warn(error: unknown): void {
    const now = this.#now();
    if (now - this.#warnedAt < WARNING_MS) return;
    this.#warnedAt = now;
    const { folder, log } = this.#options;
    log.warn("A large result could not be kept: it was cut, and the rest is lost", {
      folder,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

function createHandle(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(HANDLE_BYTES));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Removes the empty files of gateways that were killed between creating a file and removing its name. */
async function sweep(folder: string): Promise<void> {
  for await (const { name, isFile } of Deno.readDir(folder)) {
    // Another gateway may have removed it meanwhile; on Windows, it may be in use.
    if (isFile && FILE_NAME.test(name)) await Deno.remove(`${folder}/${name}`).catch(() => {});
  }
}

/** Returns the reason of a failure for agents, without the folder in which the gateway keeps files. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  const [text = "the disk failed"] = /^[^:]*\(os error \d+\)/.exec(message) ?? [];
  return text;
}

function addTo(sums: Map<string, number>, key: string, bytes: number): void {
  const sum = (sums.get(key) ?? 0) + bytes;
  if (sum === 0) sums.delete(key);
  else sums.set(key, sum);
}
