/** The approval stage of the pipeline, which is loaded when a call first needs the approval of a person. */

import {
  ApprovalWait,
  type CallToApprove,
  type CannotAsk,
  MailboxError,
  type PersonDecision,
} from "../approvals/mod.ts";
import type { AuditApproval } from "../audit/mod.ts";
import { untilAborted } from "../downstream/mod.ts";
import type { Permit } from "../limits/mod.ts";
import type { Decision } from "../policy/mod.ts";
import {
  allowCommand,
  cannotAskBody,
  deniedByPersonBody,
  undecidedBody,
} from "./approval_errors.ts";
import { approvalForm, type FormAnswer, type OpenForm, openForm } from "./approval_form.ts";
import type { ErrorBody } from "./error_body.ts";
import type { AllowedOperation, JudgedOperation } from "./judging.ts";
import { outcomeOfError } from "./outcome_of_error.ts";
import type { OperationOptions } from "./pipeline.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import type { OperationRequest } from "./operation.ts";
import type { OperationRecord } from "./records.ts";
import type { ServerCall } from "./tools/mod.ts";

/** Interval of progress while a call waits, in milliseconds. */
const PROGRESS_MS = 5000;

/** Number of steps of that progress in 1: they must be small, because the progress of the server follows, and must be more. */
const PROGRESS_STEPS = 1e6;

/** An operation that the rules and, if necessary, a person allow. */
export interface ApprovedOperation {
  readonly kind: "approved";
  readonly judged: AllowedOperation;
  /** The context in which the operation was judged last. */
  readonly context: PipelineContext;
  /** The approval; absent if the rules have come to need none. */
  readonly approval: AuditApproval | undefined;
  /** The call that was approved, if its client may continue it; see `Approvals.bindingOf`. */
  readonly binding?: string;
}

/** The context in which a call is approved. */
export interface ApprovingContext extends OperationOptions {
  readonly request: OperationRequest;
  readonly agent: string;
  readonly permit: Permit;
  /** Judges the operation again, by rules that have changed. */
  readonly judgeBy: (context: PipelineContext) => Promise<JudgedOperation>;
}

/** A call of a tool about which a person has to be asked. */
interface AskedCall {
  readonly judged: AllowedOperation;
  readonly askedBy: Decision;
  readonly call: CallToApprove;
}

/** A call that will not be made. */
interface RefusedCall {
  readonly kind: "refused";
  readonly record: OperationRecord;
}

/**
 * Waits until a person has approved a call that needs it.
 *
 * @param judged The call, as the rules have decided about it.
 * @returns The call to make, or the record of its refusal.
 */
export async function approveCall(
  judged: AllowedOperation,
  approving: ApprovingContext,
): Promise<ApprovedOperation | RefusedCall> {
  const { request, agent, context } = approving;
  const { operation, askedBy, deny } = judged;
  if (askedBy === undefined) return { kind: "approved", judged, context, approval: undefined };
  if (operation.kind !== "server-tool" || deny === undefined) {
    throw new Error("Only calls of tools are approved");
  }
  const call = callToApprove(agent, operation);
  const asked = { judged, askedBy, call };
  try {
    const approved = await findApproval(asked, approving);
    if (approved.kind === "refused" || approved.approval === undefined) return approved;
    if (request.interaction === undefined) return approved;
    return { ...approved, binding: await (await context.approvals()).bindingOf(call) };
  } catch (error) {
    if (error instanceof MailboxError) {
      return refuse(asked, { problem: { kind: "unusable", reason: error.message }, context });
    }
    return failed(asked, { error, approving });
  }
}

/** Finds an approval that the call has, or asks for one. */
async function findApproval(
  asked: AskedCall,
  approving: ApprovingContext,
): Promise<ApprovedOperation | RefusedCall> {
  const { judged, call } = asked;
  const { request, context, offers } = approving;
  const approvals = await context.approvals();
  // The client continues a call that was approved before, perhaps with other numbers that are rounded alike.
  const earlier = request.interaction?.continued?.approved;
  if (earlier !== undefined && earlier.binding === await approvals.bindingOf(call)) {
    return { kind: "approved", judged, context, approval: earlier.approval };
  }
  const grantId = approvals.sessions.find(offers, call);
  if (grantId !== undefined) {
    const approval = { id: grantId, by: "session", after_ms: 0 } as const;
    return { kind: "approved", judged, context, approval };
  }
  return await askForApproval(asked, approving);
}

async function askForApproval(
  asked: AskedCall,
  approving: ApprovingContext,
): Promise<ApprovedOperation | RefusedCall> {
  const { askedBy, call } = asked;
  const { request: { signal }, permit, context, connection: { connectionId, channel } } = approving;
  const { approval: times } = context.snapshot.configuration.rules;
  const isLasting = context.transport === "stdio" || !channel.relaysInput;
  // A form that the client has to withdraw immediately would only flicker.
  const canShowForm = channel.supports("form") && (channel.relaysInput || times.waitS > 0);
  const form = canShowForm ? approvalForm(call, { offersSession: isLasting }) : undefined;
  const approvals = await context.approvals();
  const wait = await approvals.ask(call, {
    rule: askedBy.rule,
    lifetimeMs: times.expiresS * 1000,
    connection: isLasting ? connectionId : undefined,
    canAskClient: form !== undefined,
  });
  if (!(wait instanceof ApprovalWait)) return refuse(asked, { problem: wait, context });
  using _ = wait;
  const shownForm = form !== undefined && wait.first === undefined
    ? openForm(channel, { form, signal })
    : undefined;
  const expiry = setTimeout(() => shownForm?.withdraw(), wait.expiresAt - Date.now());
  permit.pause();
  try {
    return await untilDecided(asked, { wait, form: shownForm, isLasting, approving });
  } catch (error) {
    // The id in the audit log shows that the call has waited, and did not run.
    const approval = { id: wait.id };
    if (signal.aborted) wait.withdraw();
    if (error instanceof MailboxError) throw error;
    return failed(asked, { error, approving, approval });
  } finally {
    permit.resume();
    clearTimeout(expiry);
    shownForm?.withdraw();
  }
}

/** A call that waits, and the form that its client shows. */
interface WaitingCall {
  readonly wait: ApprovalWait;
  readonly form: OpenForm | undefined;
  /** Whether the client's connection lasts, so that something can be approved for it. */
  readonly isLasting: boolean;
  readonly approving: ApprovingContext;
}

/** Waits for the first decision: in the client, at the shell, or by rules that have changed. */
async function untilDecided(
  asked: AskedCall,
  { wait, form, isLasting, approving }: WaitingCall,
): Promise<ApprovedOperation | RefusedCall> {
  const { request: { signal }, connection: { channel } } = approving;
  const waitMs = approving.context.snapshot.configuration.rules.approval.waitS * 1000;
  const sendProgress = progressOf(wait, approving);
  let current: CurrentCall = { ...asked, context: approving.context };
  let decision = wait.first;
  let answer = form?.answer;
  let deadline = performance.now() + waitMs;
  let nextPoll: Promise<PersonDecision | undefined> | undefined;
  for (;;) {
    if (decision?.kind === "denied") return refuse(current, { decision });
    const judgedAgain = await judgeAgain(current, approving);
    if (judgedAgain.kind === "refused") {
      wait.withdraw();
      return judgedAgain;
    }
    current = judgedAgain;
    const needsApproval = current.judged.askedBy !== undefined;
    if (decision !== undefined || !needsApproval) {
      return approve(current, { wait, decision, approving });
    }
    // A stateless client shows the form for as long as it likes: the mailbox is read when it has answered.
    const isParked = answer !== undefined && channel.relaysInput;
    if (!isParked) {
      const isOver = performance.now() >= deadline || Date.now() >= wait.expiresAt;
      if (isOver) return refuse(current, { undecided: wait });
      sendProgress();
      // A poll may take an allowance out of the mailbox, so each one is waited for.
      nextPoll ??= wait.next();
    }
    const events = [nextPoll, answer].filter((event) => event !== undefined);
    const event = await untilAborted(
      Promise.race<PersonDecision | FormAnswer | undefined>(events),
      signal,
    );
    if (typeof event !== "string") {
      nextPoll = undefined;
      decision = event;
      continue;
    }
    answer = undefined;
    switch (event) {
      case "deny":
        decision = await wait.decline();
        break;
      case "dismissed":
        decision = await (nextPoll ?? wait.check());
        if (decision === undefined) return refuse(current, { undecided: wait });
        break;
      case "none":
        if (!wait.isInMailbox) {
          const problem = {
            kind: "unusable",
            reason: "the client did not show the question",
          } as const;
          return refuse(current, { problem, context: approving.context });
        }
        if (isParked) deadline = performance.now() + waitMs;
        break;
      default:
        decision = await wait.accept({ forSession: event === "session" && isLasting });
    }
  }
}

/** A call about which a person is asked, judged by the rules of a context. */
interface CurrentCall extends AskedCall {
  readonly context: PipelineContext;
}

/** Judges a call again if the rules have changed. A denial wins, and so does an allowance that needs no approval. */
async function judgeAgain(
  current: CurrentCall,
  { context: { latest }, judgeBy }: ApprovingContext,
): Promise<CurrentCall & { readonly kind: "current" } | RefusedCall> {
  const context = latest();
  if (context.snapshot === current.context.snapshot) return { ...current, kind: "current" };
  const judged = await judgeBy(context);
  if (judged.kind === "refused") return judged;
  const { askedBy = current.askedBy } = judged;
  return { ...current, kind: "current", judged, askedBy, context };
}

/** Returns the call to make. */
function approve(
  { judged, context, call }: CurrentCall,
  { wait, decision, approving: { offers } }: Pick<WaitingCall, "wait" | "approving"> & {
    /** Absent if the rules have come to need no approval. */
    readonly decision: PersonDecision | undefined;
  },
): ApprovedOperation | Promise<ApprovedOperation> {
  if (decision === undefined) {
    wait.withdraw();
    return { kind: "approved", judged, context, approval: undefined };
  }
  const approved = { kind: "approved", judged, context, approval: auditOf(decision) } as const;
  if (decision.forSession !== true) return approved;
  return context.approvals().then(({ sessions }) => {
    sessions.add(offers, { ...call, id: decision.id });
    return approved;
  });
}

/** The reason of a refusal: a person's denial, that nobody has decided in time, or that nobody can be asked. */
type RefusalReason =
  | { readonly decision: PersonDecision }
  | { readonly undecided: ApprovalWait }
  | { readonly problem: CannotAsk; readonly context: PipelineContext };

function refuse({ judged, askedBy, call }: AskedCall, reason: RefusalReason): RefusedCall {
  const { subject } = judged;
  const refused = { call, askedBy };
  const record = { caller: { id: call.agent, agent: call.agent }, subject, rule: askedBy.rule };
  const refusal = (error: ErrorBody, approval?: AuditApproval): RefusedCall => {
    return { kind: "refused", record: { ...record, approval, outcome: { kind: "denied", error } } };
  };
  if ("decision" in reason) {
    const { decision } = reason;
    return refusal(deniedByPersonBody(decision, refused), auditOf(decision));
  }
  if ("undecided" in reason) {
    const { undecided: { id, expiresAt } } = reason;
    return refusal(undecidedBody({ id, expiresAt }, refused), { id });
  }
  const { problem, context: { log } } = reason;
  if (problem.kind === "unusable") {
    log.warn("A call was refused, because nobody can be asked for its approval", {
      agent: call.agent,
      server: call.server,
      tool: call.tool,
      reason: problem.reason,
    });
  }
  return refusal(cannotAskBody(problem, refused));
}

/** Returns the record of a call that failed before it was approved, such as one that its client has cancelled. */
function failed(
  { judged: { subject }, askedBy: { rule }, call: { agent } }: AskedCall,
  { error, approving: { request, context }, approval }: {
    readonly error: unknown;
    readonly approving: ApprovingContext;
    readonly approval?: AuditApproval;
  },
): RefusedCall {
  const outcome = outcomeOfError(error, { request, context });
  return {
    kind: "refused",
    record: { caller: { id: agent, agent }, subject, rule, approval, outcome },
  };
}

function auditOf({ id, by, afterMs }: PersonDecision): AuditApproval {
  return { id, by, after_ms: afterMs };
}

/** Returns a function that sends progress to the client of a call that waits, unless it has done so lately. */
function progressOf(
  wait: ApprovalWait,
  { request: { onProgress } }: ApprovingContext,
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

function callToApprove(agent: string, { server, tool, args }: ServerCall): CallToApprove {
  return { agent, server, tool, args: args?.text.json ?? "{}" };
}
