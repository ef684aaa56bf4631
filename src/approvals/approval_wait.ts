import type { CallToApprove } from "./call_to_approve.ts";
import {
  createApprovalId,
  findPending,
  isDenied,
  type Mailbox,
  type MailboxEntry,
} from "./mailbox.ts";
import { MailboxError } from "./mailbox_folder.ts";
import type { PastRequest, RequestHistory } from "./request_history.ts";

/** Interval at which the mailbox is read while calls or people wait, in milliseconds. */
export const MAILBOX_POLL_MS: number = 250;

/** A decision of a person about a call. */
export type PersonDecision = PersonApproval | PersonDenial;

/** The approval of a call by a person. */
export interface PersonApproval extends DecisionOrigin {
  /** The decision. */
  readonly kind: "approved";
  /** Whether the tool was approved for the rest of the connection. */
  readonly forSession: boolean;
}

/** The denial of a call by a person. */
export interface PersonDenial extends DecisionOrigin {
  /** The decision. */
  readonly kind: "denied";
  /** The person's reason; absent if none was given. */
  readonly reason?: string | undefined;
}

/** The request and the person that a decision comes from. */
export interface DecisionOrigin {
  /** Id of the request. */
  readonly id: string;
  /** The person who decided: in the client, or at the shell. */
  readonly by: "client" | "shell";
  /** Milliseconds from the request until its decision took effect. */
  readonly afterMs: number;
}

/** The reason why nobody can be asked: too many calls wait, the arguments are too long, or the mailbox is unusable. */
export type AskingProblem =
  | { readonly kind: "too-many" }
  | { readonly kind: "too-long"; readonly maxLength: number }
  | { readonly kind: "unusable"; readonly reason: string };

/** Options of a request for approval. */
export interface ApprovalOptions {
  /** Path of the rule that requires the approval. */
  readonly rule: string;
  /** Time for which the request is valid, in milliseconds. */
  readonly lifetimeMs: number;
  /** Id of the client's connection; `undefined` if it does not last. */
  readonly connection: string | undefined;
  /** Whether the client can be asked, so that the mailbox is not needed. */
  readonly canAskClient: boolean;
}

/** Options of a wait. */
export interface WaitOptions extends ApprovalOptions {
  /** The mailbox. */
  readonly mailbox: Mailbox;
  /** The key of the call. */
  readonly key: string;
  /** Returns the requests in the mailbox at the next poll. */
  readonly poll: () => Promise<readonly MailboxEntry[]>;
  /** Counts the calls of this process that wait for each request. */
  readonly waitingCounts: { get(id: string): number; change(id: string, change: 1 | -1): void };
  /** Remembers the requests, and how they ended. */
  readonly history: RequestHistory;
  /** Called when the call no longer waits. */
  readonly onEnd: () => void;
}

/** One call that waits for its approval. */
export class ApprovalWait implements Disposable {
  readonly #call: CallToApprove;
  readonly #options: WaitOptions;
  readonly #startedAt = Date.now();
  readonly #ownId = createApprovalId();
  #entry: MailboxEntry | undefined;
  #isMailboxUsable = true;
  #earlierDecision: PersonDecision | undefined;
  #isOver = false;

  /** Creates a wait that has not begun; see `begin`. */
  constructor(call: CallToApprove, options: WaitOptions) {
    this.#call = call;
    this.#options = options;
  }

  /** Id of the request. It changes if another call has used the approval that this one waited for. */
  get id(): string {
    return this.#entry?.id ?? this.#ownId;
  }

  /** When the request expires, in milliseconds since 1970. */
  get expiresAt(): number {
    return this.#entry?.expiresAt ?? this.#startedAt + this.#options.lifetimeMs;
  }

  /** Whether the request can be decided at the shell. */
  get isInMailbox(): boolean {
    return this.#entry !== undefined;
  }

  /** The decision that was in the mailbox before the call waited; `undefined` if there was none. */
  get earlierDecision(): PersonDecision | undefined {
    return this.#earlierDecision;
  }

  /**
   * Finds a decision that was made before, or adds the request if there is none.
   *
   * @returns The reason why nobody can be asked; `undefined` if somebody can.
   */
  async begin(): Promise<AskingProblem | undefined> {
    const { mailbox, canAskClient } = this.#options;
    try {
      this.#earlierDecision = await this.#findDecisionOrAdd(mailbox.list());
      if (this.#earlierDecision !== undefined || this.#entry !== undefined || canAskClient) {
        return undefined;
      }
      return { kind: "too-many" };
    } catch (error) {
      if (!(error instanceof MailboxError)) throw error;
      this.#isMailboxUsable = false;
      return canAskClient ? undefined : { kind: "unusable", reason: error.message };
    }
  }

  /**
   * Waits until the mailbox is read next; for the same time if the mailbox cannot be used.
   *
   * @returns The decision; `undefined` if there is none yet.
   * @throws {MailboxError} if the mailbox can no longer be used.
   */
  async next(): Promise<PersonDecision | undefined> {
    if (!this.#isMailboxUsable) {
      return await new Promise((resolve) => setTimeout(() => resolve(undefined), MAILBOX_POLL_MS));
    }
    const entries = await this.#options.poll();
    // The client may have decided meanwhile.
    return this.#isOver ? undefined : await this.#findDecisionOrAdd(entries);
  }

  /**
   * Reads the mailbox now.
   *
   * @returns The decision; `undefined` if there is none yet.
   * @throws {MailboxError} if the mailbox can no longer be used.
   */
  async check(): Promise<PersonDecision | undefined> {
    return this.#isMailboxUsable ? await this.#findDecision(this.#list()) : undefined;
  }

  /**
   * Approves the call in the name of the client, unless a person has decided at the shell before.
   *
   * @returns The decision that holds.
   * @throws {MailboxError} if the mailbox can no longer be used.
   */
  async accept({ forSession }: { readonly forSession: boolean }): Promise<PersonDecision> {
    const decision = await this.check();
    if (decision !== undefined) return decision;
    const { id, expiresAt } = this;
    this.withdraw();
    this.#note({ id, expiresAt }, "used");
    return { kind: "approved", id, by: "client", forSession, afterMs: this.#elapsedMs() };
  }

  /**
   * Denies the call in the name of the client, even if it was allowed at the shell before. The denial is valid for
   * the same call until it expires.
   *
   * @throws {MailboxError} if the mailbox can no longer be used.
   */
  async decline(): Promise<PersonDecision> {
    const { id } = this;
    const entries = this.#isMailboxUsable ? this.#selectEntries(this.#list()) : [];
    for (const entry of entries) await this.#options.mailbox.deny(entry, { by: "client" });
    return { kind: "denied", id, by: "client", afterMs: this.#elapsedMs() };
  }

  /** Ends the wait, and removes the request unless another call of this process waits for it. */
  withdraw(): void {
    const entry = this.#entry;
    this[Symbol.dispose]();
    if (entry === undefined || this.#options.waitingCounts.get(entry.id) > 0) return;
    this.#note(entry, "withdrawn");
    try {
      this.#options.mailbox.withdraw(entry);
    } catch (error) {
      // A request that stays in the mailbox expires.
      if (!(error instanceof MailboxError)) throw error;
    }
  }

  /** Ends the wait; the request stays in the mailbox. */
  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#attach(undefined);
    this.#options.onEnd();
  }

  async #findDecisionOrAdd(entries: readonly MailboxEntry[]): Promise<PersonDecision | undefined> {
    const decision = await this.#findDecision(entries);
    if (decision !== undefined || this.#isOver) return decision;
    const { mailbox, key, rule, lifetimeMs, connection } = this.#options;
    const request = { ...this.#call, rule, createdAt: Date.now(), lifetimeMs, connection };
    // `hasRoom` is asked first: `add` lists the mailbox again, and with a full mailbox, every call would do so at each poll.
    const pending = findPending(entries, key);
    const addedEntry = pending === undefined && mailbox.hasRoom(key, entries)
      ? mailbox.add(request, key)
      : undefined;
    this.#attach(pending ?? addedEntry);
    return undefined;
  }

  /** Finds a decision about the call, and takes an allowance out of the mailbox. A denial wins. */
  async #findDecision(entries: readonly MailboxEntry[]): Promise<PersonDecision | undefined> {
    const { mailbox, connection } = this.#options;
    const entriesOfCall = this.#selectEntries(entries);
    const denial = entriesOfCall.find(isDenied);
    if (denial !== undefined) {
      const { id, state } = denial;
      this.#note(denial);
      const createdAt = (await mailbox.read(denial))?.createdAt;
      const by = state === "denied" ? "shell" : "client";
      const reason = mailbox.readReason(denial);
      return { kind: "denied", id, by, reason, afterMs: this.#elapsedMs(createdAt) };
    }
    for (const entry of entriesOfCall) {
      const request = await mailbox.redeem(entry);
      if (request === undefined) continue;
      this.#note(entry, "used");
      const forSession = entry.state === "session" && request.connection !== undefined &&
        request.connection === connection;
      const afterMs = this.#elapsedMs(request.createdAt);
      return { kind: "approved", id: entry.id, by: "shell", forSession, afterMs };
    }
    return undefined;
  }

  #list(): readonly MailboxEntry[] {
    return this.#options.mailbox.list();
  }

  #selectEntries(entries: readonly MailboxEntry[]): MailboxEntry[] {
    return entries.filter(({ key }) => key === this.#options.key);
  }

  #attach(entry: MailboxEntry | undefined): void {
    const { waitingCounts } = this.#options;
    if (this.#entry !== undefined) waitingCounts.change(this.#entry.id, -1);
    this.#entry = entry;
    if (entry === undefined) return;
    waitingCounts.change(entry.id, 1);
    this.#note(entry);
  }

  #note({ id, expiresAt }: Pick<PastRequest, "id" | "expiresAt">, end?: PastRequest["end"]): void {
    const { agent, server, tool } = this.#call;
    this.#options.history.note({ id, agent, server, tool, expiresAt, end });
  }

  #elapsedMs(startedAt: number = this.#startedAt): number {
    return Math.max(0, Date.now() - startedAt);
  }
}
