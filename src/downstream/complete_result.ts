import { DownstreamError } from "../errors.ts";
import type { Reply } from "../jsonrpc/mod.ts";
import { isRecord } from "./handshake.ts";

const ASKS_FOR_INPUT = 'resultType "input_required"';

/**
 * Describes the `resultType` of a result that does not complete its request. Servers of revision
 * 2026-07-28 ask for input that way; results of older revisions have no such field.
 *
 * @param value The result.
 * @returns `undefined` if the result is complete.
 * @see {@link https://modelcontextprotocol.io/specification/draft/basic/index#result-type}
 */
export function describeIncomplete(value: unknown): string | undefined {
  if (!isRecord(value) || value.resultType === undefined || value.resultType === "complete") {
    return undefined;
  }
  return `resultType ${JSON.stringify(value.resultType).slice(0, 80)}`;
}

/**
 * Returns the answer to a call if its result is complete.
 *
 * @param reply The answer.
 * @param server The server's name.
 * @throws {DownstreamError} if the server asks for input, which the gateway cannot provide.
 */
export function requireComplete(reply: Reply, server: string): Reply {
  const what = reply.ok ? describeIncomplete(reply.result.value) : undefined;
  if (what === undefined) return reply;
  const message = what === ASKS_FOR_INPUT
    ? `Server "${server}" asked for input as MCP revision 2026-07-28 defines it (${what}), which ` +
      "this gateway does not support yet; the call is not complete."
    : `Server "${server}" answered with ${what}, which is not a complete result and which this ` +
      "gateway does not know.";
  const hint = "Use another tool, or call again with all the input the tool may ask for";
  throw new DownstreamError("SERVER_UNAVAILABLE", server, message, { hint });
}
