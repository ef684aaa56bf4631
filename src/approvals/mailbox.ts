import { isWithinShare } from "../fair_share.ts";
import { startOfText } from "../text.ts";
import { readAgentPart } from "./call_to_approve.ts";
import { MailboxFolder } from "./mailbox_folder.ts";
import { type ApprovalRequest, decodeRequest, encodeRequest } from "./request_text.ts";

/** Maximum number of requests in the mailbox, decided or not. */
const MAX_REQUESTS = 128;

/** Longest time for which a request or a decision may be valid, in milliseconds: a day. */
const MAX_LIFETIME_MS = 86_400_000;

/** Largest correction of the clock that is tolerated, in milliseconds. */
const CLOCK_STEP_MS = 60_000;

/** Maximum size of a file, in bytes: arguments of the greatest length, each character written as an escape. */
const MAX_FILE_BYTES = 2 * 1024 * 1024;

/** Maximum length of the reason of a denial, in UTF-16 code units. */
const MAX_REASON_LENGTH = 1000;

/** Age after which a file without a request is one that a killed process left, in milliseconds. */
const STRAY_MS = 600_000;

/** Letters and digits that people do not confuse. */
const ID_CHARACTERS = "23456789abcdefghjkmnpqrstuvwxyz";
const ID_LENGTH = 8;

/** The name of a request's file: its id, the key of the call, the time of expiry, and what was decided. */
const REQUEST_NAME =
  /^([2-9a-hjkmnp-z]{8})\.([0-9a-f]{16}-[0-9a-f]{64})\.(\d{13,15})\.(pending|allowed|session|denied|declined)$/;

/** The name of a file that belongs to a request, or of one that was never finished. */
const OTHER_NAME = /^(?:([2-9a-hjkmnp-z]{8})\.reason|[0-9a-f-]{36}\.tmp)$/;

/** The decision about a request. */
export type ApprovalState =
  /** Nobody has decided yet. */
  | "pending"
  /** A person has allowed the call, once. */
  | "allowed"
  /** A person has allowed the tool for the rest of the connection. */
  | "session"
  /** A person has denied the call at the shell. */
  | "denied"
  /** A person has denied the call in the client. */
  | "declined";

/** A request in the mailbox. */
export interface MailboxEntry {
  /** The request's id, for people. */
  readonly id: string;
  /** The key of the call; see `approvalKey`. */
  readonly key: string;
  /** When the request, or the decision about it, expires, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** The decision about it. */
  readonly state: ApprovalState;
}

/**
 * The requests for approvals of all gateways of a user, one file each. The name of a file contains everything that
 * decides, so that each step is the atomic renaming or removal of one file: of several processes, exactly one succeeds,
 * and a killed process leaves no step half done.
 */
export class Mailbox {
  readonly #folder: MailboxFolder;

  /**
   * Opens the mailbox; nothing is read or written yet.
   *
   * @param path The path of its folder.
   */
  constructor(path: string) {
    this.#folder = new MailboxFolder(path);
  }

  /**
   * Lists the requests, the first to expire first, and removes those that have expired.
   *
   * @throws {MailboxError} if the mailbox cannot be used.
   */
  list(): MailboxEntry[] {
    if (!this.#folder.check()) return [];
    const now = Date.now();
    const entries: MailboxEntry[] = [];
    const otherFiles: { readonly name: string; readonly id: string | undefined }[] = [];
    for (const name of this.#folder.list()) {
      const entry = parseName(name);
      if (entry === undefined) {
        const [match, id] = OTHER_NAME.exec(name) ?? [];
        if (match !== undefined) otherFiles.push({ name, id });
      } else if (entry.expiresAt <= now) this.#folder.remove(name);
      // A decision must not become valid for longer because the clock was set back.
      else if (entry.expiresAt <= now + MAX_LIFETIME_MS) entries.push(entry);
    }
    const ids = new Set(entries.map(({ id }) => id));
    for (const { name, id } of otherFiles) {
      const isStray = id === undefined || !ids.has(id);
      if (isStray && now - (this.#folder.writtenAt(name) ?? now) > STRAY_MS) {
        this.#folder.remove(name);
      }
    }
    return entries.sort((one, two) => one.expiresAt - two.expiresAt);
  }

  /**
   * Whether a request of a call fits into the mailbox.
   *
   * @param key The key of the call.
   * @param entries The requests that the mailbox has.
   */
  hasRoom(key: string, entries: readonly MailboxEntry[]): boolean {
    const agentPart = readAgentPart(key);
    const count = entries.filter((entry) => entry.key.startsWith(agentPart)).length;
    return isWithinShare(count, MAX_REQUESTS - entries.length);
  }

  /**
   * Adds a request, unless the same call has one that waits already.
   *
   * @param key The key of the call.
   * @returns The request that waits; `undefined` if the mailbox is full, in all or for the agent.
   * @throws {MailboxError} if the mailbox cannot be used.
   */
  add(request: ApprovalRequest, key: string): MailboxEntry | undefined {
    this.#folder.check({ creates: true });
    const entries = this.list();
    const pending = findPending(entries, key);
    if (pending !== undefined) return pending;
    if (!this.hasRoom(key, entries)) return undefined;
    const expiresAt = request.createdAt + request.lifetimeMs;
    const entry = { id: createApprovalId(), key, expiresAt, state: "pending" } as const;
    this.#folder.write(nameOf(entry), encodeRequest(request));
    return entry;
  }

  /**
   * Reads a request.
   *
   * @returns `undefined` if the file of the entry is missing, damaged or not the gateway's.
   */
  async read(entry: MailboxEntry): Promise<ApprovalRequest | undefined> {
    const text = this.#folder.read(nameOf(entry), MAX_FILE_BYTES);
    return text === undefined ? undefined : await decodeRequest(text, entry);
  }

  /**
   * Allows a call about which nobody has decided yet.
   *
   * @param options Whether the tool is allowed for the rest of the connection.
   * @returns The decision; `undefined` if the request has expired, was decided about, or was withdrawn.
   */
  async allow(
    entry: MailboxEntry,
    { forSession }: { readonly forSession: boolean },
  ): Promise<MailboxEntry | undefined> {
    if (entry.state !== "pending") return undefined;
    return await this.#decide(entry, forSession ? "session" : "allowed");
  }

  /**
   * Denies a call, even one that was allowed but not made yet.
   *
   * @param options Who denies it, and the reason.
   * @returns The decision; `undefined` if the call was made, or the request has expired, was denied, or was withdrawn.
   */
  async deny(
    entry: MailboxEntry,
    { by, reason }: { readonly by: "shell" | "client"; readonly reason?: string | undefined },
  ): Promise<MailboxEntry | undefined> {
    if (isDenied(entry)) return undefined;
    // The reason comes first, so that nobody reads the denial without it.
    if (reason !== undefined) {
      this.#folder.write(`${entry.id}.reason`, startOfText(reason, MAX_REASON_LENGTH));
    }
    return await this.#decide(entry, by === "shell" ? "denied" : "declined");
  }

  /** Returns the reason of a denial; `undefined` if none was given. */
  readReason({ id }: MailboxEntry): string | undefined {
    return this.#folder.read(`${id}.reason`, 4 * MAX_REASON_LENGTH);
  }

  /**
   * Takes an allowance out of the mailbox, so that it serves one call.
   *
   * @returns The request that was allowed; `undefined` if the allowance serves another call, or is damaged.
   */
  async redeem(entry: MailboxEntry): Promise<ApprovalRequest | undefined> {
    if (entry.state !== "allowed" && entry.state !== "session") return undefined;
    const request = await this.read(entry);
    const remainingMs = entry.expiresAt - Date.now();
    if (request === undefined || remainingMs <= 0) return undefined;
    // The allowance must not become valid for longer because the clock was set back.
    if (remainingMs > request.lifetimeMs + CLOCK_STEP_MS) return undefined;
    return this.#folder.remove(nameOf(entry), { isDurable: true }) ? request : undefined;
  }

  /** Removes the request of a call that will not be made; a denial stays. */
  withdraw({ id }: Pick<MailboxEntry, "id">): void {
    // Another process may decide about the request meanwhile, and so rename its file.
    for (let isRemoved = false; !isRemoved;) {
      const entry = this.list().find((listed) => listed.id === id);
      isRemoved = entry === undefined || isDenied(entry) || this.#folder.remove(nameOf(entry));
    }
  }

  async #decide(entry: MailboxEntry, state: ApprovalState): Promise<MailboxEntry | undefined> {
    const request = await this.read(entry);
    const now = Date.now();
    if (request === undefined || entry.expiresAt <= now) return undefined;
    const lifetimeMs = Math.min(request.lifetimeMs, MAX_LIFETIME_MS);
    const decidedEntry = { ...entry, state, expiresAt: now + lifetimeMs };
    return this.#folder.rename(nameOf(entry), nameOf(decidedEntry)) ? decidedEntry : undefined;
  }
}

/** Finds the request for the approval of a call about which nobody has decided. */
export function findPending(
  entries: readonly MailboxEntry[],
  key: string,
): MailboxEntry | undefined {
  return entries.find((entry) => entry.key === key && entry.state === "pending");
}

/** Whether an entry is a denial. */
export function isDenied({ state }: Pick<MailboxEntry, "state">): boolean {
  return state === "denied" || state === "declined";
}

/** Returns an id that a person can type: 40 random bits. */
export function createApprovalId(): string {
  const numbers = crypto.getRandomValues(new Uint32Array(ID_LENGTH));
  return Array.from(numbers, (number) => ID_CHARACTERS[number % ID_CHARACTERS.length]).join("");
}

/**
 * Minimum length of the beginning of an id. Agents learn the ids of their requests: with a shorter beginning, one of
 * them could replace the request that the person has read by another one that begins in the same way.
 */
export const MIN_APPROVAL_ID_LENGTH = 5;

/** Returns an id, or the beginning of one, in the form that the mailbox uses. */
export function cleanApprovalId(typedId: string): string {
  return typedId.trim().toLowerCase();
}

function nameOf({ id, key, expiresAt, state }: MailboxEntry): string {
  return `${id}.${key}.${expiresAt}.${state}`;
}

function parseName(name: string): MailboxEntry | undefined {
  const [, id, key, expiresAt, state] = REQUEST_NAME.exec(name) ?? [];
  if (id === undefined || key === undefined || state === undefined) return undefined;
  return { id, key, expiresAt: Number(expiresAt), state: state as ApprovalState };
}
