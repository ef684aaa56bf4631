/** The wait for a person's decision about a call: by the form in its client, or at the shell. */

import type { ApprovalWait, AskingProblem, PersonDecision } from "../approvals/mod.ts";
import { untilAborted } from "../downstream/mod.ts";
import { allowCommand } from "./approval_errors.ts";
import type { FormAnswer, OpenForm } from "./approval_form.ts";
import type { OperationRequest } from "./operation.ts";

/** Interval of progress while a call waits, in milliseconds. */
const PROGRESS_MS = 5000;

/** Number of steps of that progress that make 1. They are small, because progress must grow, and the server's follows. */
const PROGRESS_STEPS = 1e6;

/** A person's decision, that nobody has decided in time, or that nobody can be asked. */
export type WaitResult =
  | PersonDecision
  | { readonly kind: "undecided"; readonly id: string; readonly expiresAt: number }
  | AskingProblem;

/** Options of a wait for a decision. */
export interface AwaitedDecisionOptions {
  /** The form that the client shows; `undefined` if it shows none. */
  readonly form: OpenForm | undefined;
  /** Whether the client has no session: it shows the form for as long as it likes. */
  readonly isStateless: boolean;
  /** Whether the client's connection lasts, so that something can be approved for it. */
  readonly isLasting: boolean;
  /** Time to wait for a decision, in milliseconds. */
  readonly waitMs: number;
  /** The request of the call. */
  readonly request: Pick<OperationRequest, "signal" | "onProgress">;
}

/** The first decision of a person about a call that waits. */
export class AwaitedDecision {
  readonly #wait: ApprovalWait;
  readonly #options: AwaitedDecisionOptions;
  readonly #sendProgress: () => void;
  /** Absent when the client shows no form, or has answered it. */
  #answer: Promise<FormAnswer> | undefined;
  #deadline: number;
  #nextPoll: Promise<PersonDecision | undefined> | undefined;

  constructor(wait: ApprovalWait, options: AwaitedDecisionOptions) {
    this.#wait = wait;
    this.#options = options;
    this.#sendProgress = createProgressSender(wait, options.request);
    this.#answer = options.form?.answer;
    this.#deadline = performance.now() + options.waitMs;
  }

  /**
   * Waits until the form is answered, or the mailbox is read.
   *
   * @returns The result; `undefined` if the call still waits.
   * @throws {MailboxError} if the mailbox cannot be used any more.
   */
  async next(): Promise<WaitResult | undefined> {
    const wait = this.#wait;
    const { isStateless, request: { signal } } = this.#options;
    // While a stateless client shows the form, the mailbox is not read and the time does not run.
    const awaitsFormOnly = this.#answer !== undefined && isStateless;
    if (!awaitsFormOnly) {
      const isOver = performance.now() >= this.#deadline || Date.now() >= wait.expiresAt;
      if (isOver) return undecided(wait);
      this.#sendProgress();
      // A poll may take an allowance out of the mailbox, so each one is waited for.
      this.#nextPoll ??= wait.next();
    }
    const events = [this.#nextPoll, this.#answer].filter((event) => event !== undefined);
    const event = await untilAborted(
      Promise.race<PersonDecision | FormAnswer | undefined>(events),
      signal,
    );
    if (typeof event === "string") {
      this.#answer = undefined;
      return await this.#receive(event, { awaitsFormOnly });
    }
    this.#nextPoll = undefined;
    return event;
  }

  async #receive(
    answer: FormAnswer,
    { awaitsFormOnly }: { readonly awaitsFormOnly: boolean },
  ): Promise<WaitResult | undefined> {
    const wait = this.#wait;
    const { isLasting, waitMs } = this.#options;
    switch (answer) {
      case "once":
      case "session":
        return await wait.accept({ forSession: answer === "session" && isLasting });
      case "deny":
        return await wait.decline();
      case "dismissed":
        return await (this.#nextPoll ?? wait.check()) ?? undecided(wait);
      case "none":
        if (!wait.isInMailbox) {
          return { kind: "unusable", reason: "the client did not show the question" };
        }
        if (awaitsFormOnly) this.#deadline = performance.now() + waitMs;
        return undefined;
    }
  }
}

function undecided({ id, expiresAt }: ApprovalWait): WaitResult {
  return { kind: "undecided", id, expiresAt };
}

/** Returns a function that sends progress to the client of a call that waits, unless it has done so lately. */
function createProgressSender(
  wait: ApprovalWait,
  { onProgress }: Pick<OperationRequest, "onProgress">,
): () => void {
  let count = 0;
  let sentAt = -Infinity;
  return () => {
    const now = performance.now();
    if (onProgress === undefined || now - sentAt < PROGRESS_MS) return;
    sentAt = now;
    const command = wait.isInMailbox ? `: ${allowCommand(wait.id)}` : "";
    onProgress({
      progress: ++count / PROGRESS_STEPS,
      message: `Waiting for a person's approval${command}`,
    });
  };
}
