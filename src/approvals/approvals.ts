import { isWithinShare } from "../fair_share.ts";
import {
  type ApprovalOptions,
  ApprovalWait,
  type AskingProblem,
  MAILBOX_POLL_MS,
} from "./approval_wait.ts";
import { approvalKey, type CallToApprove, createAgentPart } from "./call_to_approve.ts";
import { type ApprovalState, isDenied, type Mailbox, type MailboxEntry } from "./mailbox.ts";
import { RequestHistory } from "./request_history.ts";
import { MAX_ARGS_LENGTH } from "./request_text.ts";
import { SessionGrants } from "./session_grants.ts";

/** Maximum number of calls that wait for approvals at a time. */
const MAX_WAITING = 256;

/** The approvals that calls of this process wait for. */
export class Approvals {
  /** The tools that were approved for the rest of a connection. */
  readonly sessions: SessionGrants = new SessionGrants();
  readonly #mailbox: Mailbox;
  readonly #history = new RequestHistory();
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
   * @returns The wait, which the caller disposes of when the call no longer waits; or the reason why nobody can be asked.
   */
  async ask(call: CallToApprove, options: ApprovalOptions): Promise<ApprovalWait | AskingProblem> {
    const { agent, args } = call;
    if (args.length > MAX_ARGS_LENGTH) return { kind: "too-long", maxLength: MAX_ARGS_LENGTH };
    const key = await approvalKey(call);
    const agents = this.#agents;
    if (!isWithinShare(agents.get(agent), MAX_WAITING - agents.total)) return { kind: "too-many" };
    agents.change(agent, 1);
    const wait = new ApprovalWait(call, {
      ...options,
      mailbox: this.#mailbox,
      key,
      poll: this.#poll,
      waitingCounts: this.#requests,
      history: this.#history,
      onEnd: () => agents.change(agent, -1),
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
   * Returns a text that identifies a call in this process. Otherwise a client could return the approval of a call with
   * another call, or to another process, which does not know whether the approval was used.
   */
  async bindingOf(call: CallToApprove): Promise<string> {
    return `${this.#processId} ${await approvalKey(call)}`;
  }

  /**
   * Finds the requests of an agent whose ids begin with a text.
   *
   * @returns The requests, with their states.
   * @throws {MailboxError} if the mailbox cannot be used.
   */
  async find(agent: string, idStart: string): Promise<RequestStatus[]> {
    const mailbox = this.#mailbox;
    const agentPart = await createAgentPart(agent);
    const statuses: RequestStatus[] = [];
    const pastRequests = new Map(
      this.#history.find(agent, idStart).map((request) => [request.id, request]),
    );
    for (const entry of mailbox.list()) {
      if (!entry.key.startsWith(agentPart) || !entry.id.startsWith(idStart)) continue;
      pastRequests.delete(entry.id);
      const request = await mailbox.read(entry);
      if (request === undefined) continue;
      const { id, state, expiresAt } = entry;
      const { server, tool } = request;
      const reason = isDenied(entry) ? mailbox.readReason(entry) : undefined;
      statuses.push({ id, server, tool, state, expiresAt, reason });
    }
    for (const { id, server, tool, expiresAt, end } of pastRequests.values()) {
      // Another gateway of the user may have used the approval.
      const state = end ?? (expiresAt <= Date.now() ? "expired" : "used");
      statuses.push({ id, server, tool, state, expiresAt, reason: undefined });
    }
    return statuses;
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

/** A request for an approval, and its state. */
export interface RequestStatus extends Pick<CallToApprove, "server" | "tool"> {
  /** The request's id. */
  readonly id: string;
  /** The decision about it, or its end if it is no longer in the mailbox. */
  readonly state: ApprovalState | "used" | "withdrawn" | "expired";
  /** When the request, or the decision about it, expires or has expired, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** The person's reason for a denial; `undefined` if none was given. */
  readonly reason: string | undefined;
}

/** Counts calls by name. */
class CallCounts {
  readonly #counts = new Map<string, number>();
  /** Number of all calls. */
  total = 0;

  /** Returns the number of calls of a name. */
  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Counts the beginning or the end of a call. */
  change(name: string, change: 1 | -1): void {
    const count = this.get(name) + change;
    if (count === 0) this.#counts.delete(name);
    else this.#counts.set(name, count);
    this.total += change;
  }
}
