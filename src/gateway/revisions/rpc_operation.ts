import type { ClientCapabilities } from "../../downstream/mod.ts";
import type { ErrorCode } from "../../errors.ts";
import { type IncomingRequest, JsonText, RPC_CODES, utf8Bytes } from "../../jsonrpc/mod.ts";
import type { Operation, Outcome } from "../operation.ts";
import { canAsk } from "./input.ts";
import { type Answer, readRequest, type RequestDecoder } from "./request.ts";

/** JSON-RPC code of a request beyond a limit, among those that a server may define. */
export const LIMIT_EXCEEDED = -32005;

/** An operation that is not a tool call: its errors are JSON-RPC errors. */
export interface RpcOperation {
  /**
   * Reads the operation from the request's parameters.
   *
   * @throws {CallerError} `INVALID_ARGUMENTS`.
   */
  readonly decode: (request: IncomingRequest) => Operation;
  /** JSON-RPC code for something that does not exist, or that the agent may not use. */
  readonly notFoundCode: number;
}

/**
 * Creates the decoder of an operation that is not a tool call. Such requests have no `agent_id`, so they are made as
 * the agent of the connection.
 */
export function createRpcDecoder({ decode, notFoundCode }: RpcOperation): RequestDecoder {
  return (request, context) => ({
    ...readRequest(request, context),
    name: request.method,
    claimedAgent: undefined,
    decode: () => decode(request),
    encode: (outcome) => {
      const { method: name } = request;
      return encodeOutcome(outcome, { name, notFoundCode, capabilities: context.capabilities });
    },
  });
}

/** Encodes a fault of the gateway. */
export function encodeInternalError(
  { id }: Outcome & { readonly kind: "internal-error" },
  name: string,
): Answer {
  const message = `The gateway failed to run ${name}; its log has the reason under ${id}`;
  return { kind: "error", error: { code: RPC_CODES.internalError, message } };
}

function encodeOutcome(
  outcome: Outcome,
  { name, notFoundCode, capabilities }: {
    readonly name: string;
    readonly notFoundCode: number;
    readonly capabilities: ClientCapabilities;
  },
): Answer {
  switch (outcome.kind) {
    case "gateway-result": {
      const result = new JsonText(outcome.json);
      return { kind: "result", result, bytes: utf8Bytes(result.json) };
    }
    case "result":
      return { kind: "result", result: outcome.result, bytes: outcome.bytes };
    case "denied":
    case "failed": {
      const { error } = outcome;
      const code = rpcCodeOf(error.code) ?? notFoundCode;
      return { kind: "error", error: { code, message: error.message, data: error } };
    }
    case "rpc-error": {
      const { urlInputError, text } = outcome;
      const hasLinks = urlInputError !== undefined && canAsk(capabilities, "url");
      return { kind: "error", error: hasLinks ? urlInputError : text };
    }
    case "input-required":
      throw new TypeError("A client of these revisions is asked for input during the request");
    case "cancelled":
      return { kind: "none" };
    case "internal-error":
      return encodeInternalError(outcome, name);
  }
}

/** Returns the JSON-RPC code of an error that is not about what the request names; `undefined` for all others. */
function rpcCodeOf(code: ErrorCode): number | undefined {
  switch (code) {
    case "RATE_LIMITED":
      return LIMIT_EXCEEDED;
    case "INVALID_ARGUMENTS":
      return RPC_CODES.invalidParams;
    case "SERVER_UNAVAILABLE":
    case "AUTH_REQUIRED":
    case "TIMEOUT":
    case "AUDIT_UNAVAILABLE":
      return RPC_CODES.internalError;
    default:
      return undefined;
  }
}
