import { claimedRevisionOf, RESERVED_META } from "../reserved_meta.ts";
import { VERSION } from "../version.ts";
import type { MessageHead } from "./message_head.ts";

/** JSON-RPC code of an internal error. */
const INTERNAL_ERROR = -32603;

/** Maximum length of a reason, in UTF-16 code units. */
const MAX_REASON_LENGTH = 500;

/** The gateway's own tools that change nothing. */
const HARMLESS_TOOLS: readonly unknown[] = [
  "list_servers",
  "get_server_tools",
  "get_gateway_status",
];

/** A request that the daemon has not answered yet. */
export interface OpenRequest {
  /** The id as JSON text. */
  readonly id: string;
  /** Whether it is a call of a tool, whose errors are results. */
  readonly isToolCall: boolean;
  /** Whether the request may have changed something. */
  readonly mayChange: boolean;
  /** Whether it is of the revision without sessions. */
  readonly isStateless: boolean;
}

/**
 * Describes a request.
 *
 * @param head The head of the request, with its id.
 * @param hasSession Whether the client has initialized a session.
 */
export function describeRequest(
  { method, params }: MessageHead,
  { id, hasSession }: { readonly id: string; readonly hasSession: boolean },
): OpenRequest {
  const isToolCall = method === "tools/call";
  return {
    id,
    isToolCall,
    mayChange: isToolCall && !HARMLESS_TOOLS.includes(params?.name),
    isStateless: params === undefined ? !hasSession : claimedRevisionOf(params) !== undefined,
  };
}

/** Answers a request whose daemon is gone, as the gateway does for a server that is gone. */
export function writeEndedAnswer(request: OpenRequest): string {
  const { mayChange } = request;
  const message = "The connection to the shared gateway ended before it answered.";
  const hint = mayChange
    ? "The tool may have run: find out before you call it again. The gateway starts again by itself"
    : "Send the request again: the gateway starts again by itself";
  return writeAnswer(request, { message, hint, retryable: !mayChange });
}

/**
 * Answers a request that no daemon has received.
 *
 * @param reason The reason, which may have several lines.
 */
export function writeUnsentAnswer(request: OpenRequest, reason: string): string {
  const hint = "Tell the user what is wrong with the gateway";
  const message = `The shared gateway is not available: ${asOneLine(reason)}`;
  return writeAnswer(request, { message, hint, retryable: true });
}

/** Joins the lines of a reason; that of a daemon that cannot start is its whole standard error. */
function asOneLine(reason: string): string {
  const line = reason.slice(0, MAX_REASON_LENGTH).replace(/^error: /, "").replace(/\s+/g, " ")
    .trim();
  return reason.length > MAX_REASON_LENGTH ? `${line}…` : line;
}

function writeAnswer(
  { id, isToolCall, isStateless }: OpenRequest,
  { message, hint, retryable }: {
    readonly message: string;
    readonly hint: string;
    readonly retryable: boolean;
  },
): string {
  const data = { code: "SERVER_UNAVAILABLE", message, retryable, hint };
  const head = `{"jsonrpc":"2.0","id":${id},`;
  if (!isToolCall) {
    return `${head}"error":${JSON.stringify({ code: INTERNAL_ERROR, message, data })}}\n`;
  }
  const result = {
    ...(isStateless ? STATELESS_MEMBERS : {}),
    content: [{ type: "text", text: JSON.stringify({ error: data }) }],
    isError: true,
  };
  return `${head}"result":${JSON.stringify(result)}}\n`;
}

/** The members of results in the revision without sessions. */
const STATELESS_MEMBERS = {
  resultType: "complete",
  _meta: { [RESERVED_META.serverInfo]: { name: "agent-mcp-gateway", version: VERSION } },
};
