import { CallerError, DownstreamError, type ErrorCode, type ErrorDetails } from "../errors.ts";
import type { AdmitResult } from "../limits/mod.ts";
import type { AccessRequest, Decision, IdentityRefusal } from "../policy/mod.ts";

/** The error that an agent gets instead of a result. */
export interface Refusal extends ErrorDetails {
  readonly code: ErrorCode;
  /** Says what happened, where, and what to do. */
  readonly message: string;
}

/**
 * Converts a thrown error to a refusal.
 *
 * @param error Anything.
 * @returns `undefined` if neither the caller nor a server caused the error: a bug of the gateway.
 */
export function failureRefusal(error: unknown): Refusal | undefined {
  if (!(error instanceof CallerError || error instanceof DownstreamError)) return undefined;
  const { code, message, details } = error;
  return { code, message, ...details };
}

/** Refuses a caller that was not identified. */
export function identityRefusal({ code, message, hint }: IdentityRefusal): Refusal {
  return hint === undefined ? { code, message } : { code, message, hint };
}

/** Refuses a call that exceeds a limit. */
export function limitRefusal(
  { message, retryAfterMs }: AdmitResult & { kind: "refused" },
): Refusal {
  return { code: "RATE_LIMITED", message, retry_after_ms: retryAfterMs };
}

/** The context of a denial. */
export interface DenialContext {
  readonly operation: string;
  readonly agent: string;
  readonly accessRequest: AccessRequest;
  /** Servers that the agent may use, with names similar to the denied one. */
  readonly near: readonly string[];
  /** Id of the log line that says why deciding failed; `undefined` if it did not fail. */
  readonly errorId: string | undefined;
}

/** Refuses an operation that the rules deny. */
export function denialRefusal({ rule }: Decision, context: DenialContext): Refusal {
  const { operation, agent, accessRequest, near, errorId } = context;
  const instead = near.length === 0
    ? "Use another tool"
    : `Similar names among the servers you may use: ${
      near.join(", ")
    }. Use one of them if you meant it`;
  return {
    code: "DENIED_BY_POLICY",
    message: `Agent "${agent}" may not use ${describeAccess(accessRequest, operation)}.`,
    rule,
    hint: errorId === undefined
      ? `${instead}, or tell the user that the gateway's rules do not allow this`
      : `Tell the user that the gateway failed to decide; its log has the reason under ${errorId}`,
  };
}

function describeAccess(accessRequest: AccessRequest, operation: string): string {
  switch (accessRequest.kind) {
    case "server":
      return `server "${accessRequest.server}"`;
    case "tool":
      return `tool "${accessRequest.tool}" of server "${accessRequest.server}"`;
    case "status":
      return operation;
  }
}
