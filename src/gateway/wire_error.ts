import { CallerError, DownstreamError, type ErrorCode, type ErrorDetails } from "../errors.ts";
import { JsonText } from "../jsonrpc/mod.ts";
import type { Admission } from "../limits/mod.ts";
import type { Refusal } from "../policy/mod.ts";
import type { ToolAnswer } from "./tools/mod.ts";

/** What the agent is told of a failure. */
export interface WireError extends ErrorDetails {
  /** One of SPEC section 3. */
  readonly code: ErrorCode;
  /** What happened, to what, and what to do. */
  readonly message: string;
}

/**
 * What crosses the wire of something that was thrown.
 *
 * @param error Anything.
 * @returns `undefined` for what is no failure of caller or server, and so a bug of the gateway.
 */
export function wireErrorOf(error: unknown): WireError | undefined {
  if (!(error instanceof CallerError || error instanceof DownstreamError)) return undefined;
  const { code, message, details } = error;
  return { code, message, ...details };
}

/** What crosses the wire when nobody was recognised. */
export function wireRefusal({ code, message, hint }: Refusal): WireError {
  return hint === undefined ? { code, message } : { code, message, hint };
}

/** What crosses the wire when there is too much of something. */
export function wireLimit({ message, retryAfterMs }: Admission & { kind: "refused" }): WireError {
  return { code: "RATE_LIMITED", message, retry_after_ms: retryAfterMs };
}

/** What crosses the wire when the rules say no. */
export function wireDenial(
  agent: string,
  subject: {
    readonly server?: string;
    readonly tool?: string;
    readonly operation?: string;
    /** Servers that the agent may use, whose names are near the denied one. */
    readonly near?: readonly string[];
    /** Id under which the log says why deciding failed. */
    readonly errorId?: string | undefined;
  },
  rule: string,
): WireError {
  const { server, tool, operation, near = [], errorId } = subject;
  const ofServer = tool === undefined
    ? `server "${server}"`
    : `tool "${tool}" of server "${server}"`;
  const what = operation ?? ofServer;
  const instead = near.length === 0
    ? "Use another tool"
    : `Near names among the servers you may use: ${
      near.join(", ")
    }. Use one of them if you meant it`;
  return {
    code: "DENIED_BY_POLICY",
    message: `Agent "${agent}" may not use ${what}.`,
    rule,
    hint: errorId === undefined
      ? `${instead}, or tell the user that the gateway's rules do not allow this`
      : `Tell the user that the gateway failed to decide; its log has the reason under ${errorId}`,
  };
}

/** A result of `tools/call` with one text block. */
export function textResult(
  text: string,
  { isError = false, structured }: ResultFields = {},
): JsonText {
  const block = `{"content":[{"type":"text","text":${JSON.stringify(text)}}]`;
  const content = structured === undefined ? "" : `,"structuredContent":${structured}`;
  return new JsonText(`${block}${content}${isError ? ',"isError":true' : ""}}`);
}

/** What a result of one text block may have besides. */
interface ResultFields {
  readonly isError?: boolean;
  /** Its structured content, as JSON text. */
  readonly structured?: string | undefined;
}

/** The result that tells the agent of a failure. */
export function errorResult(error: WireError): JsonText {
  return textResult(JSON.stringify({ error }), { isError: true });
}

/** The result that tells the agent of a server's JSON-RPC error. */
export function rpcErrorResult(answer: ToolAnswer & { kind: "error" }): JsonText {
  const { text: { text }, inputSchema } = answer;
  // The server's own text, so that nothing in it is rounded; it is an object that is not empty.
  const error = inputSchema === undefined
    ? text
    : `${text.slice(0, text.lastIndexOf("}"))},"inputSchema":${inputSchema}}`;
  return textResult(`{"error":${error}}`, { isError: true });
}
