import { isWithinShare } from "../fair_share.ts";
import {
  type ApprovalOptions,
  ApprovalWait,
  type CannotAsk,
  MAILBOX_POLL_MS,
} from "./approval_wait.ts";
import { approvalKey, type CallToApprove } from "./call_to_approve.ts";
import type { Mailbox, MailboxEntry } from "./mailbox.ts";
import { MAX_ARGS_LENGTH } from "./request_text.ts";
import { SessionGrants } from "./session_grants.ts";

/** Maximum number of calls that wait for approvals at a time. */
const MAX_WAITING = 256;

/** The approvals that calls of this process wait for. */
export class Approvals {
  /** The tools that were approved for the rest of a connection. */
  readonly sessions: SessionGrants = new SessionGrants();
  readonly #mailbox: Mailbox;
  // Number of calls that wait, by agent, and by the id of their request.
  readonly #agents = new CallCounts();
  readonly #requests = new CallCounts();
  readonly #processId = crypto.randomUUID();
  #nextPoll: Promise<readonly MailboxEntry[]> | undefined;

  /** Shares a mailbox with the other processes of the user. */
  constructor(mailbox: Mailbox) {
    this.#mailbox = mailbox;
  }

  /**
   * Asks for the approval of a call.
   *
   * @returns The wait, of which to dispose when the call waits no longer; the reason if nobody can be asked.
   */
  async ask(call: CallToApprove, options: ApprovalOptions): Promise<ApprovalWait | CannotAsk> {
    const { agent, args } = call;
    if (args.length > MAX_ARGS_LENGTH) return { kind: "too-long", maxLength: MAX_ARGS_LENGTH };
    const key = await approvalKey(call);
    const agents = this.#agents;
    if (!isWithinShare(agents.of(agent), MAX_WAITING - agents.total)) return { kind: "too-many" };
    agents.change(agent, 1);
    const wait = new ApprovalWait(call, {
      ...options,
      mailbox: this.#mailbox,
      key,
      poll: this.#poll,
      calls: this.#requests,
      onOver: () => agents.change(agent, -1),
    });
    using stack = new DisposableStack();
    stack.use(wait);
    const problem = await wait.begin();
    if (problem !== undefined) return problem;
    // The call disposes of the wait.
    stack.move();
    return wait;
  }

  /**
   * Returns a text that only the same call has, and only in this process. A client that brings back the approval of a
   * call could bring it with another call, or to another process, which does not know that it was used.
   */
  async bindingOf(call: CallToApprove): Promise<string> {
    return `${this.#processId} ${await approvalKey(call)}`;
  }

  /** Reads the mailbox after the interval; all calls that wait share one poll. */
  readonly #poll = (): Promise<readonly MailboxEntry[]> => {
    return this.#nextPoll ??= new Promise((resolve, reject) => {
      setTimeout(() => {
        this.#nextPoll = undefined;
        try {
          resolve(this.#mailbox.list());
        } catch (error) {
          reject(error);
        }
      }, MAILBOX_POLL_MS);
    });
  };
}

/** Counts calls by name. */
class CallCounts {
  readonly #counts = new Map<string, number>();
  /** Number of all calls. */
  total = 0;

  /** Returns the number of calls of a name. */
  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Counts the beginning or the end of a call. */
  change(name: string, change: 1 | -1): void {
    const count = this.of(name) + change;
    if (count === 0) this.#counts.delete(name);
    else this.#counts.set(name, count);
    this.total += change;
  }
}
