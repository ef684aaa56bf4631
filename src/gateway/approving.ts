/** The approval stage of the pipeline, which is loaded when a call first needs the approval of a person. */

import {
  ApprovalWait,
  type CallToApprove,
  type DecisionOrigin,
  MailboxError,
  type PersonApproval,
} from "../approvals/mod.ts";
import type { AuditApproval } from "../audit/mod.ts";
import type { Permit } from "../limits/mod.ts";
import type { Decision } from "../policy/mod.ts";
import { cannotAskBody, deniedByPersonBody, undecidedBody } from "./approval_errors.ts";
import { createApprovalForm, openForm } from "./approval_form.ts";
import { AwaitedDecision, type WaitResult } from "./awaited_decision.ts";
import type { ErrorBody } from "./error_body.ts";
import type { JudgedOperation, PassedOperation } from "./judging.ts";
import { outcomeOfError } from "./outcome_of_error.ts";
import type { OperationOptions } from "./pipeline.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import type { OperationRequest } from "./operation.ts";
import type { OperationRecord } from "./records.ts";
import type { ServerCall } from "./tools/mod.ts";

/** An operation that the rules and, if necessary, a person allow. */
export interface ApprovedOperation {
  readonly kind: "approved";
  readonly judgedOperation: PassedOperation;
  /** The context in which the operation was judged last. */
  readonly context: PipelineContext;
  /** The approval; absent if the rules no longer require one. */
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

/** A call of a tool about which a person has to be asked, as it was judged last. */
interface AskedCall {
  readonly judgedOperation: PassedOperation;
  readonly askedBy: Decision;
  readonly call: CallToApprove;
  /** The context in which it was judged. */
  readonly context: PipelineContext;
}

/** A call that will not be made. */
export interface RefusedCall {
  readonly kind: "refused";
  readonly record: OperationRecord;
}

/**
 * Waits until a person has approved a call, or changed rules no longer require an approval of it.
 *
 * @param judgedOperation The call, as the rules have decided about it.
 * @returns The call to make, or the record of its refusal.
 */
export async function approveCall(
  judgedOperation: PassedOperation,
  approving: ApprovingContext,
): Promise<ApprovedOperation | RefusedCall> {
  const { request, agent, context } = approving;
  const { operation, askedBy } = judgedOperation;
  if (askedBy === undefined || operation.kind !== "server-tool") {
    throw new Error("Only calls of tools are approved, and only those that need it");
  }
  const call = callToApprove(agent, operation);
  const askedCall = { judgedOperation, askedBy, call, context };
  try {
    const result = await findApproval(askedCall, approving);
    if (result.kind === "refused" || result.approval === undefined) return result;
    if (request.interaction === undefined) return result;
    return { ...result, binding: await (await context.approvals()).bindingOf(call) };
  } catch (error) {
    if (error instanceof MailboxError) {
      return refuse(askedCall, { kind: "unusable", reason: error.message });
    }
    return recordFailure(askedCall, { error, request });
  }
}

/** Finds an approval that the call has, or asks for one. */
async function findApproval(
  askedCall: AskedCall,
  approving: ApprovingContext,
): Promise<ApprovedOperation | RefusedCall> {
  const { judgedOperation, call, context } = askedCall;
  const { request, offers } = approving;
  const approvals = await context.approvals();
  // The client may continue a call that was approved before, but with numbers that differ only before they are rounded.
  const earlierApproval = request.interaction?.continued?.approved;
  if (
    earlierApproval !== undefined && earlierApproval.binding === await approvals.bindingOf(call)
  ) {
    return { kind: "approved", judgedOperation, context, approval: earlierApproval.approval };
  }
  const grantId = approvals.sessions.find(offers, call);
  if (grantId !== undefined) {
    const approval = { id: grantId, by: "session", after_ms: 0 } as const;
    return { kind: "approved", judgedOperation, context, approval };
  }
  return await askForApproval(askedCall, approving);
}

async function askForApproval(
  askedCall: AskedCall,
  approving: ApprovingContext,
): Promise<ApprovedOperation | RefusedCall> {
  const { askedBy, call, context } = askedCall;
  const { request, permit, connection: { connectionId, channel } } = approving;
  const { approval: times } = context.snapshot.configuration.rules;
  const isLasting = context.transport === "stdio" || !channel.relaysInput;
  // A form that the client has to withdraw immediately would only flicker.
  const canShowForm = channel.supports("form") && (channel.relaysInput || times.waitS > 0);
  const form = canShowForm ? createApprovalForm(call, { offersSession: isLasting }) : undefined;
  const approvals = await context.approvals();
  const wait = await approvals.ask(call, {
    rule: askedBy.rule,
    lifetimeMs: times.expiresS * 1000,
    connection: isLasting ? connectionId : undefined,
    canAskClient: form !== undefined,
  });
  if (!(wait instanceof ApprovalWait)) return refuse(askedCall, wait);
  using _ = wait;
  const shownForm = form !== undefined && wait.earlierDecision === undefined
    ? openForm(channel, { form, signal: request.signal })
    : undefined;
  const expiry = setTimeout(() => shownForm?.withdraw(), wait.expiresAt - Date.now());
  permit.pause();
  try {
    const awaitedDecision = new AwaitedDecision(wait, {
      form: shownForm,
      isStateless: channel.relaysInput,
      isLasting,
      waitMs: times.waitS * 1000,
      request,
    });
    return await untilDecided(askedCall, { wait, awaitedDecision, approving });
  } catch (error) {
    // The id in the audit log shows that the call has waited, and did not run.
    const approval = { id: wait.id };
    if (request.signal.aborted) wait.withdraw();
    if (error instanceof MailboxError) throw error;
    return recordFailure(askedCall, { error, request, approval });
  } finally {
    permit.resume();
    clearTimeout(expiry);
    shownForm?.withdraw();
  }
}

/** The wait of a call. */
interface WaitingCall {
  readonly wait: ApprovalWait;
  readonly awaitedDecision: AwaitedDecision;
  readonly approving: ApprovingContext;
}

/** Waits for the first decision, by a person or by changed rules. */
async function untilDecided(
  askedCall: AskedCall,
  { wait, awaitedDecision, approving }: WaitingCall,
): Promise<ApprovedOperation | RefusedCall> {
  let current = askedCall;
  let result: WaitResult | undefined = wait.earlierDecision;
  for (;;) {
    if (result !== undefined && result.kind !== "approved") return refuse(current, result);
    const judgedAgain = await judgeAgain(current, approving);
    if (judgedAgain.kind === "refused") {
      wait.withdraw();
      return judgedAgain;
    }
    current = judgedAgain;
    const needsApproval = current.judgedOperation.askedBy !== undefined;
    if (result !== undefined || !needsApproval) {
      return approve(current, { wait, approval: result, offers: approving.offers });
    }
    result = await awaitedDecision.next();
  }
}

/** Judges a call again if the rules have changed. A denial wins, and so does an allowance that needs no approval. */
async function judgeAgain(
  current: AskedCall,
  { context: { latest }, judgeBy }: ApprovingContext,
): Promise<AskedCall & { readonly kind: "current" } | RefusedCall> {
  const context = latest();
  if (context.snapshot === current.context.snapshot) return { ...current, kind: "current" };
  const judgedOperation = await judgeBy(context);
  if (judgedOperation.kind === "refused") return judgedOperation;
  const { askedBy = current.askedBy } = judgedOperation;
  return { ...current, kind: "current", judgedOperation, askedBy, context };
}

/** Returns the call to make. */
function approve(
  { judgedOperation, context, call }: AskedCall,
  { wait, approval, offers }: Pick<ApprovingContext, "offers"> & {
    readonly wait: ApprovalWait;
    /** `undefined` if the rules no longer require an approval. */
    readonly approval: PersonApproval | undefined;
  },
): ApprovedOperation | Promise<ApprovedOperation> {
  if (approval === undefined) {
    wait.withdraw();
    return { kind: "approved", judgedOperation, context, approval: undefined };
  }
  const approvedOperation = {
    kind: "approved",
    judgedOperation,
    context,
    approval: auditOf(approval),
  } as const;
  if (!approval.forSession) return approvedOperation;
  return context.approvals().then(({ sessions }) => {
    sessions.add(offers, { ...call, id: approval.id });
    return approvedOperation;
  });
}

/** Returns the record of a call that nobody has approved. */
function refuse(
  { judgedOperation: { subject }, askedBy, call, context }: AskedCall,
  result: Exclude<WaitResult, PersonApproval>,
): RefusedCall {
  const { agent, server, tool } = call;
  const unapprovedCall = { call, askedBy };
  const refusal = (error: ErrorBody, approval?: AuditApproval): RefusedCall => {
    const outcome = { kind: "denied", error } as const;
    const caller = { id: agent, agent };
    return { kind: "refused", record: { caller, subject, rule: askedBy.rule, approval, outcome } };
  };
  switch (result.kind) {
    case "denied":
      return refusal(deniedByPersonBody(result, unapprovedCall), auditOf(result));
    case "undecided":
      return refusal(undecidedBody(result, unapprovedCall), { id: result.id });
    case "unusable": {
      const { reason } = result;
      const message = "A call was refused, because nobody can be asked for its approval";
      context.log.warn(message, { agent, server, tool, reason });
      return refusal(cannotAskBody(result, unapprovedCall));
    }
    case "too-many":
    case "too-long":
      return refusal(cannotAskBody(result, unapprovedCall));
  }
}

/** Returns the record of a call that failed or was cancelled before a person approved it. */
function recordFailure(
  { judgedOperation: { subject }, askedBy: { rule }, call: { agent }, context }: AskedCall,
  { error, request, approval }: {
    readonly error: unknown;
    readonly request: OperationRequest;
    readonly approval?: AuditApproval;
  },
): RefusedCall {
  const outcome = outcomeOfError(error, { request, context });
  return {
    kind: "refused",
    record: { caller: { id: agent, agent }, subject, rule, approval, outcome },
  };
}

function auditOf({ id, by, afterMs }: DecisionOrigin): AuditApproval {
  return { id, by, after_ms: afterMs };
}

function callToApprove(agent: string, { server, tool, args }: ServerCall): CallToApprove {
  return { agent, server, tool, args: args?.text.json ?? "{}" };
}
