import { type Message, RPC_CODES } from "../../jsonrpc/mod.ts";
import { claimedRevisionOf, RESERVED_META } from "../../reserved_meta.ts";
import { STATELESS_CODES, STATELESS_REVISION } from "../../revisions.ts";
import { errorResponse } from "./error_response.ts";
import { EVENT_STREAM } from "./event_stream.ts";
import {
  accepts,
  drainingResponse,
  type PostContext,
  type PostRequest,
  REVISION_HEADER,
  SESSION_HEADER,
} from "./post_request.ts";
import type { StatelessClients } from "./stateless_clients.ts";
import { checkHeaders } from "./stateless_headers.ts";

/** The context of requests without sessions. */
export interface StatelessContext extends PostContext {
  readonly statelessClients: StatelessClients;
}

/**
 * Whether a message is of the revision without sessions. Its body decides. Without a claim in the body, only the header
 * names the revision; a client that sends a session id or `initialize` has a session or opens one in any case.
 */
export function isStateless(message: Message, { req }: PostRequest): boolean {
  if (message.kind !== "request" && message.kind !== "notification") return false;
  if (claimedRevisionOf(message.params) !== undefined) return true;
  return req.header(REVISION_HEADER) === STATELESS_REVISION &&
    req.header(SESSION_HEADER) === undefined && message.method !== "initialize";
}

/**
 * Receives a message of the revision without sessions.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http}
 */
export function receiveStateless(
  message: Message,
  { post, context }: { readonly post: PostRequest; readonly context: StatelessContext },
): Response | Promise<Response> {
  // A client cancels a request by disconnecting, so no notification over HTTP has an effect.
  if (message.kind !== "request") return new Response(null, { status: 202 });
  if (context.isDraining()) return drainingResponse();
  const { req, env, credential } = post;
  const { id, method, params } = message;
  const claim = claimedRevisionOf(params);
  if (claim === undefined) {
    const problem =
      `The header MCP-Protocol-Version names ${STATELESS_REVISION}, but "_meta" lacks ` +
      JSON.stringify(RESERVED_META.protocolVersion);
    return errorResponse(400, problem, { code: RPC_CODES.invalidParams, id });
  }
  const mismatch = checkHeaders(message, { claim, header: (name) => req.header(name) });
  if (mismatch !== undefined) {
    env.refusalReason = "headers";
    return errorResponse(400, mismatch, { code: STATELESS_CODES.headerMismatch, id });
  }
  const acceptsEvents = accepts(req, EVENT_STREAM);
  if (method === "subscriptions/listen" && !acceptsEvents) {
    return errorResponse(406, "A client that listens must accept text/event-stream", { id });
  }
  return context.statelessClients.answer(message, { env, credential, acceptsEvents });
}
