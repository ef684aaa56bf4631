/** The errors for calls that a person has not approved. */

import type { AskingProblem, CallToApprove, PersonDenial } from "../approvals/mod.ts";
import type { Decision } from "../policy/mod.ts";
import { createErrorBody, describeApprovalNeed, type ErrorBody } from "./error_body.ts";

/** Suggested delay before another call while too many wait, in milliseconds. */
const RETRY_MS = 5000;

/** A call that was not approved, and the decision by which it needs an approval. */
interface UnapprovedCall {
  readonly call: CallToApprove;
  readonly askedBy: Decision;
}

/** Returns the command with which a person allows a call. */
export function allowCommand(id: string): string {
  return `agent-mcp-gateway approvals allow ${id}`;
}

/** Returns the error for a call about which nobody has decided yet. */
export function undecidedBody(
  { id, expiresAt }: { readonly id: string; readonly expiresAt: number },
  unapproved: UnapprovedCall,
): ErrorBody {
  const message = `${describeNeed(unapproved)}, and nobody has decided about this call yet.`;
  return createErrorBody("APPROVAL_REQUIRED", message, {
    rule: unapproved.askedBy.rule,
    approval_id: id,
    expires: new Date(expiresAt).toISOString(),
    hint: `Tell the user to run "${allowCommand(id)}", then make exactly the same call again`,
  });
}

/** Returns the error for a call that a person has denied. */
export function deniedByPersonBody(
  { id, reason }: PersonDenial,
  { call: { server, tool }, askedBy: { rule } }: UnapprovedCall,
): ErrorBody {
  const because = reason === undefined ? "" : `: ${reason}`;
  const message = `A person has denied this call of tool "${tool}" of server "${server}"${because}`;
  return createErrorBody("DENIED_BY_POLICY", message, {
    rule,
    approval_id: id,
    hint: "Do not make the same call again; ask the user what to do instead",
  });
}

/** Returns the error for a call about which nobody can be asked. */
export function cannotAskBody(problem: AskingProblem, unapproved: UnapprovedCall): ErrorBody {
  const { call: { agent }, askedBy: { rule } } = unapproved;
  switch (problem.kind) {
    case "too-many": {
      const message = `Too many calls of agent "${agent}" wait for a person's approval already.`;
      return createErrorBody("RATE_LIMITED", message, {
        rule,
        retry_after_ms: RETRY_MS,
        hint: "Make the call again when the user has decided about some of them",
      });
    }
    case "too-long": {
      const message = `${describeNeed(unapproved)}, and its arguments have more than ` +
        `${problem.maxLength} characters, which no person can review.`;
      const hint = "Make calls with shorter arguments";
      return createErrorBody("DENIED_BY_POLICY", message, { rule, hint });
    }
    case "unusable": {
      const message = `${describeNeed(unapproved)}, and nobody can be asked: ${problem.reason}.`;
      const hint = "Tell the user that the gateway cannot ask for approvals, and why";
      return createErrorBody("DENIED_BY_POLICY", message, { rule, hint });
    }
  }
}

function describeNeed({ call: { agent, server, tool }, askedBy }: UnapprovedCall): string {
  const access = `tool "${tool}" of server "${server}"`;
  return describeApprovalNeed(askedBy, { agent, access });
}
