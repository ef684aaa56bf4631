import type { ShadowDecision } from "../audit/mod.ts";
import type { Decision } from "../policy/mod.ts";
import type { Span } from "../trace.ts";
import { type CheckTool, decideByAnnotations } from "./deciding.ts";
import { explainDenial } from "./denial.ts";
import type { ClientOffers } from "./offered/mod.ts";
import type { Operation, OperationRequest, TargetedOperation } from "./operation.ts";
import { outcomeOfError } from "./outcome_of_error.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import type { OperationRecord, Subject } from "./records.ts";
import { accessRequestFor, describeSubject } from "./subject.ts";
import { findTarget, isTargeted, unlistedError } from "./targeting.ts";
import { findServer, type ToolContext } from "./tools/mod.ts";

/** The context in which an operation of an identified agent is judged. */
export interface JudgingContext {
  readonly request: OperationRequest;
  readonly agent: string;
  /** The subject of the operation, as far as it is known. */
  readonly subject: Subject | undefined;
  readonly toolContext: ToolContext;
  readonly offers: ClientOffers;
  readonly context: PipelineContext;
  readonly span: Span;
}

/** An operation that is not refused: the rules allow it, a person has to be asked about it, or shadow mode lets it through. */
export interface PassedOperation {
  readonly kind: "passed";
  readonly operation: TargetedOperation;
  readonly subject: Subject | undefined;
  readonly rule: string | undefined;
  /** The decision by which the call needs a person's approval; absent if it needs none. */
  readonly askedBy?: Decision;
  /** The decision of the rules that shadow mode does not enforce; absent if it is enforced. */
  readonly shadow?: ShadowDecision;
  /** Decides about the tool that is called in the end; absent if the decision does not depend on it. */
  readonly checkTool: CheckTool | undefined;
  /** Returns the record of the operation if a later decision denies it; absent if it needs no access. */
  readonly deny: ((denial: Decision) => OperationRecord) | undefined;
}

/** The result of judging an operation: the operation, if it may go on, or else the record of its refusal. */
export type JudgedOperation =
  | PassedOperation
  | { readonly kind: "refused"; readonly record: OperationRecord };

/** Runs the stages that judge an operation: they find its server, and decide. */
export async function judge(
  requested: Operation,
  { request, agent, subject: knownSubject, toolContext, offers, context, span }: JudgingContext,
): Promise<JudgedOperation> {
  const { face, maxNameLength } = context;
  const caller = { id: agent, agent };

  // Target: the server that the operation is for.
  let operation: TargetedOperation;
  let subject = knownSubject;
  const refuseFor = (error: unknown) => {
    const outcome = outcomeOfError(error, { request, context });
    return { kind: "refused", record: { caller, subject, outcome } } as const;
  };
  if (isTargeted(requested)) operation = requested;
  else {
    try {
      operation = await findTarget(requested, { toolContext, offers, face, maxNameLength });
    } catch (error) {
      return refuseFor(error);
    }
    subject = describeSubject(operation, context);
    if (requested.kind === "direct-tool") span.set({ "gen_ai.tool.name": requested.offeredName });
  }

  if (subject?.uri !== undefined) span.set({ "mcp.resource.uri": subject.uri });
  if (subject?.prompt !== undefined) span.set({ "gen_ai.prompt.name": subject.prompt });

  // Decision.
  const { policy } = context.snapshot;
  const accessRequest = accessRequestFor(operation, context.transport);
  const decisionSpan = span.child("decision");
  let decision = accessRequest && policy.decide(agent, accessRequest);
  let checkTool: CheckTool | undefined;
  if (accessRequest?.kind === "tool" && decision?.effect === "depends") {
    try {
      ({ decision, checkTool } = await decideByAnnotations(accessRequest, toolContext));
    } catch (error) {
      decisionSpan.end();
      return refuseFor(error);
    }
  }
  if (decision !== undefined) decisionSpan.set({ "gateway.rule": decision.rule });
  decisionSpan.end();
  if (accessRequest === undefined || decision === undefined) {
    return { kind: "passed", operation, subject, rule: undefined, checkTool, deny: undefined };
  }
  const deny = (denial: Decision): OperationRecord => {
    const { name } = request;
    const error = unlistedError(operation) ??
      explainDenial(denial, { agent, accessRequest, operation: name, context });
    return { caller, subject, rule: denial.rule, outcome: { kind: "denied", error } };
  };
  const { effect, rule, isShadowed = false } = decision;
  const passedOperation = { kind: "passed", operation, subject, rule, checkTool, deny } as const;
  if (isShadowed) return { ...passedOperation, shadow: effect === "ask" ? "ASK" : "DENY" };
  if (effect === "allow") return passedOperation;
  if (effect !== "ask") return { kind: "refused", record: deny(decision) };
  if (accessRequest.kind === "tool") {
    try {
      // A person is not asked about a server that cannot be used.
      findServer(toolContext, accessRequest.server);
    } catch (error) {
      return refuseFor(error);
    }
  }
  return { ...passedOperation, askedBy: decision };
}
