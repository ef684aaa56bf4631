import {
  CallerError,
  DownstreamError,
  type ErrorCode,
  type ErrorDetails,
  RETRYABLE,
} from "../errors.ts";
import type { LimitDenial } from "../limits/mod.ts";
import type { AccessRequest, DecidingCondition, Decision, IdentityError } from "../policy/mod.ts";
import { shortenText } from "../text.ts";

/** Maximum length of a URI or a name in an error, in UTF-16 code units. */
const MAX_QUOTE_LENGTH = 200;

/** The error that an agent receives instead of a result. */
export interface ErrorBody extends ErrorDetails {
  readonly code: ErrorCode;
  /** Says what happened, where, and what to do. */
  readonly message: string;
  /** Whether the same request may succeed later, or after the step that `hint` names. */
  readonly retryable: boolean;
}

/** Creates the error that an agent receives. */
export function createErrorBody(
  code: ErrorCode,
  message: string,
  details: ErrorDetails = {},
): ErrorBody {
  return { code, message, retryable: RETRYABLE[code], ...details };
}

/**
 * Converts a thrown error to the error that the agent receives.
 *
 * @param error The thrown value.
 * @returns `undefined` if neither the caller nor a server caused the error: a bug of the gateway.
 */
export function errorBodyOf(error: unknown): ErrorBody | undefined {
  if (!(error instanceof CallerError || error instanceof DownstreamError)) return undefined;
  const { code, message, details } = error;
  return createErrorBody(code, message, details);
}

/** Returns the error for a caller that was not identified. */
export function identityErrorBody({ code, message, hint }: IdentityError): ErrorBody {
  return createErrorBody(code, message, hint === undefined ? {} : { hint });
}

/** Returns the error for a caller that was not identified, if the request has no argument that could name the agent. */
export function missingAgentBody({ code }: IdentityError): ErrorBody {
  const message =
    "This connection has no agent, so it may not use anything that servers offer directly.";
  const hint =
    "Tell the user to start the gateway with --agent, or to give the client a credential";
  return createErrorBody(code, message, { hint });
}

/**
 * Creates the error for a resource that does not exist, or whose existence the agent must not learn of.
 *
 * @param pendingServers Names of servers that may have it, because their lists have not arrived yet.
 */
export function resourceNotFound(uri: string, pendingServers: readonly string[]): CallerError {
  const message = `Resource not found: ${JSON.stringify(shortenText(uri, MAX_QUOTE_LENGTH))}`;
  const pendingNames = shortenText(pendingServers.join(", "), MAX_QUOTE_LENGTH);
  const hint = pendingNames === ""
    ? "List the resources and the resource templates to see those that you may read"
    : `Try again in a few seconds: these servers have not listed their resources yet: ${pendingNames}`;
  return new CallerError("RESOURCE_NOT_FOUND", message, { hint, retryable: pendingNames !== "" });
}

/**
 * Creates the error for a prompt that does not exist, or whose existence the agent must not learn of.
 *
 * @param similarServers Names of servers that the agent may use, if the name is that of none of them.
 */
export function promptNotFound(name: string, similarServers: readonly string[]): CallerError {
  const message = `Prompt not found: ${JSON.stringify(shortenText(name, MAX_QUOTE_LENGTH))}`;
  const listing = "List the prompts to see those that you may get";
  const hint = similarServers.length === 0
    ? listing
    : `${similarServersHint(similarServers)}. ${listing}`;
  return new CallerError("PROMPT_NOT_FOUND", message, { hint });
}

/** Returns the error for a call that exceeds a limit. */
export function limitErrorBody({ message, retryAfterMs }: LimitDenial): ErrorBody {
  return createErrorBody("RATE_LIMITED", message, { retry_after_ms: retryAfterMs });
}

/** The context of a denial. */
export interface DenialContext {
  readonly operation: string;
  readonly agent: string;
  readonly accessRequest: AccessRequest;
  /** Names of servers that the agent may use, similar to the name of the denied server. */
  readonly similarServers: readonly string[];
  /** Id of the log line about an error while deciding; `undefined` if there was none. */
  readonly errorId: string | undefined;
}

/** An alternative to something that is denied. */
const ALTERNATIVES: Readonly<Record<AccessRequest["kind"], string>> = {
  server: "Use another tool",
  tool: "Use another tool",
  resource: "Read another resource",
  prompt: "Get another prompt",
  status: "Use another tool",
};

/** Returns the error for an operation that the rules deny, or for a call that nobody has approved. */
export function denialErrorBody(
  decision: Decision,
  context: DenialContext,
): ErrorBody {
  const { effect, rule, conditions } = decision;
  if (effect === "ask") return approvalErrorBody(decision, context);
  if (conditions !== undefined) return conditionErrorBody(rule, conditions, context);
  const { operation, agent, accessRequest, errorId } = context;
  const alternative = alternativeTo(context);
  const message = `Agent "${agent}" may not use ${describeAccess(accessRequest, operation)}.`;
  return createErrorBody("DENIED_BY_POLICY", message, {
    rule,
    hint: errorId === undefined
      ? `${alternative}, or tell the user that the gateway's rules do not allow this`
      : `Tell the user that the gateway failed to decide; its log has the reason under ${errorId}`,
  });
}

/** Returns the error for a call that needs a person's approval. */
function approvalErrorBody(
  decision: Decision,
  { operation, agent, accessRequest }: DenialContext,
): ErrorBody {
  const { rule } = decision;
  const access = describeAccess(accessRequest, operation);
  const need = describeApprovalNeed(decision, { agent, access });
  const message = `${need}, and nobody has approved it.`;
  const hint = "Tell the user that the gateway's rules require an approval of this call";
  return createErrorBody("APPROVAL_REQUIRED", message, { rule, hint });
}

/**
 * Says that a call needs an approval, and with which arguments it would need none.
 *
 * @param decision The decision to ask.
 * @param call The agent, and what it may use with an approval.
 */
export function describeApprovalNeed(
  { rule, conditions = [] }: Decision,
  { agent, access }: { readonly agent: string; readonly access: string },
): string {
  const requirements = listRequirements(rule, conditions);
  const exception = requirements === "" ? "" : ` (to need none, ${requirements})`;
  return `Agent "${agent}" may use ${access} only with a person's approval of the call${exception}`;
}

/** Lists the requirements of a call, each with the path of its entry if another entry decided. */
function listRequirements(rule: string, conditions: readonly DecidingCondition[]): string {
  return conditions.map((condition) => {
    return condition.rule === rule
      ? condition.requirement
      : `${condition.requirement} (${condition.rule})`;
  }).join("; or ");
}

function alternativeTo({ accessRequest, similarServers }: DenialContext): string {
  return similarServers.length === 0
    ? ALTERNATIVES[accessRequest.kind]
    : `${similarServersHint(similarServers)}. Use one of them if you meant it`;
}

/** Names servers that an agent may have meant. */
export function similarServersHint(names: readonly string[]): string {
  return `Similar names among the servers you may use: ${names.join(", ")}`;
}

/** Returns the error for a call of a tool that might be allowed with other arguments. */
function conditionErrorBody(
  rule: string,
  conditions: readonly DecidingCondition[],
  context: DenialContext,
): ErrorBody {
  const { operation, agent, accessRequest, similarServers } = context;
  const requirements = conditions.map((condition) => {
    const { effect, requirement } = condition;
    const text = effect === "ask" ? `${requirement}, with a person's approval` : requirement;
    return condition.rule === rule ? text : `${text} (${condition.rule})`;
  });
  const message =
    `Agent "${agent}" may not use ${describeAccess(accessRequest, operation)} like this: ` +
    `${requirements.join("; or ")}.`;
  return createErrorBody("DENIED_BY_POLICY", message, {
    rule,
    hint: `${
      similarServers.length === 0 && conditions.some(({ isCorrectable }) => isCorrectable)
        ? "Correct the arguments and call again"
        : alternativeTo(context)
    }, or tell the user that the gateway's rules do not allow this`,
  });
}

function describeAccess(accessRequest: AccessRequest, operation: string): string {
  switch (accessRequest.kind) {
    case "server":
      return `server "${accessRequest.server}"`;
    case "tool":
      return `tool "${accessRequest.tool}" of server "${accessRequest.server}"`;
    case "resource":
      return `resource "${accessRequest.uri}" of server "${accessRequest.server}"`;
    case "prompt":
      return `prompt "${accessRequest.prompt}" of server "${accessRequest.server}"`;
    case "status":
      return operation;
  }
}
