import type { HonoRequest } from "hono";
import { type Message, RPC_CODES } from "../../jsonrpc/mod.ts";
import { STATELESS_REVISION } from "../../revisions.ts";
import type { Credential } from "./authentication.ts";
import { errorResponse, methodErrorResponse, unavailableResponse } from "./error_response.ts";
import { EVENT_STREAM, STREAM_HEADERS } from "./event_stream.ts";
import type { HttpSession } from "./http_session.ts";
import {
  accepts,
  drainingResponse,
  jsonResponse,
  type PostContext,
  type PostRequest,
  REVISION_HEADER,
  SESSION_HEADER,
} from "./post_request.ts";
import type { PostResponseOptions, PostResult } from "./post_response.ts";
import type { SessionStore } from "./session_store.ts";

/** The context of requests in sessions. */
export interface SessionContext extends PostContext {
  readonly sessions: SessionStore;
  /** The supported revisions with sessions. */
  readonly revisions: readonly string[];
}

/** The first revision whose clients accept events without a message. */
const PRIMING_SINCE = "2025-11-25";

/**
 * Receives a message of an earlier revision, in a session or to open one.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http}
 */
export function receiveInSession(
  message: Message,
  { post, context }: { readonly post: PostRequest; readonly context: SessionContext },
): Response | Promise<Response> {
  const { req, credential } = post;
  if (req.header(SESSION_HEADER) === undefined) return openSession(message, { post, context });
  const session = findSession(req, { credential, context });
  if (session instanceof Response) return session;
  if (context.isDraining() && mayContainRequest(message)) return drainingResponse();
  return session.receive(message, responseOptions(req, context)).result.then(toResponse);
}

/** Finds the session of a request, or returns the error response. */
export function findSession(
  req: HonoRequest,
  { credential, context }: {
    readonly credential: Credential | undefined;
    readonly context: SessionContext;
  },
): HttpSession | Response {
  const id = req.header(SESSION_HEADER);
  if (id === undefined) {
    return req.header(REVISION_HEADER) === STATELESS_REVISION
      ? methodErrorResponse("POST")
      : errorResponse(400, "The header Mcp-Session-Id is missing");
  }
  return checkRevision(req, context) ?? context.sessions.find(id, credential) ??
    unknownSessionResponse();
}

/** @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#protocol-version-header} */
function checkRevision(req: HonoRequest, { revisions }: SessionContext): Response | undefined {
  const revision = req.header(REVISION_HEADER);
  if (revision === undefined || revisions.includes(revision)) return undefined;
  return errorResponse(400, `MCP-Protocol-Version must be one of ${revisions.join(", ")}`);
}

/** Handles the first message of a client, which must be `initialize`. */
function openSession(
  message: Message,
  { post: { req, credential }, context }: {
    readonly post: PostRequest;
    readonly context: SessionContext;
  },
): Response | Promise<Response> {
  const error = checkFirstMessage(message);
  if (error !== undefined) return error;
  const { sessions } = context;
  const session = sessions.open(credential);
  if (session === undefined) {
    return unavailableResponse("The gateway has its maximum number of sessions; try again later");
  }
  return session.receive(message, responseOptions(req, context)).result.then((result) => {
    const response = toResponse(result);
    if (sessions.isInitialized(session)) response.headers.set(SESSION_HEADER, session.id);
    else sessions.end(session);
    return response;
  });
}

/** Returns the error response to a first message that is not `initialize`. */
function checkFirstMessage(message: Message): Response | undefined {
  if (message.kind === "invalid") return errorResponse(400, message.error.message, message.error);
  const method = "method" in message ? message.method : undefined;
  if (method === "initialize") return undefined;
  if (method === "server/discover" && message.kind === "request") {
    // A client asks with this method whether the server supports a later revision, but names none. After the error,
    // the client sends initialize.
    const error = { code: RPC_CODES.methodNotFound, id: message.id };
    return errorResponse(400, "Method not found: server/discover", error);
  }
  const problem = "The header Mcp-Session-Id is missing: a session begins with initialize";
  return errorResponse(400, problem, { code: RPC_CODES.invalidRequest });
}

/**
 * Whether a message is a request, or a batch that contains one. An invalid message counts, because it may be a request
 * and is answered with an error.
 */
function mayContainRequest(message: Message): boolean {
  if (message.kind === "batch") return message.messages.some(mayContainRequest);
  return message.kind === "request" || message.kind === "invalid";
}

function responseOptions(req: HonoRequest, { limits }: SessionContext): PostResponseOptions {
  return {
    acceptsEvents: accepts(req, EVENT_STREAM),
    acceptsPriming: (req.header(REVISION_HEADER) ?? "") >= PRIMING_SINCE,
    streamAfterMs: limits.streamAfterMs,
  };
}

function toResponse(result: PostResult): Response {
  switch (result.kind) {
    case "accepted":
      return new Response(null, { status: 202 });
    case "message":
      return jsonResponse(result.text, result.isInvalid ? 400 : 200);
    case "stream":
      return new Response(result.stream.body, { headers: STREAM_HEADERS });
    case "session-ended":
      return unknownSessionResponse();
  }
}

function unknownSessionResponse(): Response {
  return errorResponse(404, "There is no such session: start a new one with initialize");
}
