import { Hono, type HonoRequest } from "hono";
import { type Message, RPC_CODES } from "../../jsonrpc/mod.ts";
import { longWork, partyOf } from "../../long_work.ts";
import type { Credential } from "./authentication.ts";
import { EVENT_STREAM } from "./event_stream.ts";
import type { HttpSession } from "./http_session.ts";
import type { SessionStore } from "./session_store.ts";
import type { HttpLimits } from "./limits.ts";
import type { HttpEnv } from "./middleware.ts";
import type { PostResponseOptions, PostResult } from "./post_response.ts";
import { errorResponse, unavailableResponse } from "./error_response.ts";
import type { BodyError, RequestContext } from "./request_context.ts";

/** Options of the MCP endpoint. */
export interface McpOptions {
  readonly sessions: SessionStore;
  readonly revisions: readonly string[];
  /** Whether new work is refused because the gateway is shutting down. */
  readonly isDraining: () => boolean;
  readonly limits: HttpLimits;
}

const SESSION_HEADER = "mcp-session-id";
const JSON_HEADERS = { "content-type": "application/json" };
const STREAM_HEADERS = { "content-type": EVENT_STREAM, "x-accel-buffering": "no" };

const DRAINING_MESSAGE = "The gateway is shutting down; try again";

/** The first revision whose clients accept events without a message. */
const PRIMING_SINCE = "2025-11-25";

/**
 * Creates the MCP endpoint, which receives messages, opens streams and ends sessions.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http}
 */
export function mcpRoutes(options: McpOptions): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.post("/", async ({ req, env, get }) => {
    const error = checkPost(req, options);
    if (error !== undefined) return error;
    const id = req.header(SESSION_HEADER);
    const credential = get("credential");
    if (id === undefined) return await openSession({ req, env, credential }, options);
    const session = options.sessions.find(id, credential);
    if (session === undefined) return unknownSessionResponse();
    const { bodyBytes: maxBytes } = options.limits;
    const result = await env.receiveMessage({ maxBytes, agent: credential?.agent }, (message) => {
      if (options.isDraining() && mayContainRequest(message)) {
        return unavailableResponse(DRAINING_MESSAGE);
      }
      return session.receive(message, responseOptions(req, options)).result;
    });
    return toResponse(result);
  });

  routes.get("/", async ({ req, get }) => {
    // A GET route also matches HEAD, which must not replace the client's stream.
    if (req.method === "HEAD") return methodErrorResponse();
    if (!accepts(req, EVENT_STREAM)) {
      return errorResponse(406, "A GET opens a stream: it must accept text/event-stream");
    }
    const session = findSession(req, get("credential"), options);
    if (session instanceof Response) return session;
    const lastId = req.header("last-event-id");
    // Sending the kept messages again may take long, and a client may ask for them in a loop.
    const stream = await longWork.runOrWait(partyOf(session.memory), () => {
      return lastId === undefined ? session.openGetStream() : session.resume(lastId);
    });
    if (stream === undefined) {
      return errorResponse(
        400,
        "The events after this Last-Event-ID are no longer available: send the call again",
      );
    }
    return new Response(stream.body, { headers: STREAM_HEADERS });
  });

  routes.delete("/", ({ req, get }) => {
    const session = findSession(req, get("credential"), options);
    if (session instanceof Response) return session;
    options.sessions.end(session);
    return new Response(null, { status: 204 });
  });

  routes.all("/", methodErrorResponse);
  return routes;
}

function methodErrorResponse(): Response {
  const headers = { allow: "GET, POST, DELETE" };
  return errorResponse(405, "This endpoint takes GET, POST and DELETE", { headers });
}

/** Returns the error response to a POST whose headers are not valid. */
function checkPost(req: HonoRequest, options: McpOptions): Response | undefined {
  // During a shutdown, clients of active calls may still send answers.
  const isNewSession = req.header(SESSION_HEADER) === undefined;
  if (isNewSession && options.isDraining()) return unavailableResponse(DRAINING_MESSAGE);
  const [type = ""] = (req.header("content-type") ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/json") {
    return errorResponse(415, "The body must be of type application/json");
  }
  if (req.header("content-encoding") !== undefined) {
    return errorResponse(415, "The body must not be compressed");
  }
  // A client of the specification accepts both; one of them is enough to answer.
  if (!accepts(req, "application/json") && !accepts(req, EVENT_STREAM)) {
    return errorResponse(406, "A POST must accept application/json and text/event-stream");
  }
  return checkRevision(req, options);
}

/** @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#protocol-version-header} */
function checkRevision(req: HonoRequest, { revisions }: McpOptions): Response | undefined {
  const revision = req.header("mcp-protocol-version");
  // Without a session, the message itself names the revision.
  if (revision === undefined || req.header(SESSION_HEADER) === undefined) return undefined;
  if (revisions.includes(revision)) return undefined;
  return errorResponse(400, `MCP-Protocol-Version must be one of ${revisions.join(", ")}`);
}

function findSession(
  req: HonoRequest,
  credential: Credential | undefined,
  options: McpOptions,
): HttpSession | Response {
  const id = req.header(SESSION_HEADER);
  if (id === undefined) return errorResponse(400, "The header Mcp-Session-Id is missing");
  return checkRevision(req, options) ?? options.sessions.find(id, credential) ??
    unknownSessionResponse();
}

/** Handles the first message of a client, which must be `initialize`. */
async function openSession(
  { req, env, credential }: {
    req: HonoRequest;
    env: RequestContext;
    credential: Credential | undefined;
  },
  options: McpOptions,
): Promise<Response> {
  const { firstBodyBytes: maxBytes } = options.limits;
  const agent = credential?.agent;
  let session: HttpSession | undefined;
  const result = await env.receiveMessage({ maxBytes, agent }, (message) => {
    const error = checkFirstMessage(message);
    if (error !== undefined) return error;
    session = options.sessions.open(credential);
    if (session === undefined) {
      return unavailableResponse("The gateway has its maximum number of sessions; try again later");
    }
    return session.receive(message, responseOptions(req, options)).result;
  });
  const response = toResponse(result);
  if (session === undefined) return response;
  if (options.sessions.isInitialized(session)) response.headers.set(SESSION_HEADER, session.id);
  else options.sessions.end(session);
  return response;
}

/** Returns the error response to a first message that is not `initialize`. */
function checkFirstMessage(message: Message): Response | undefined {
  if (message.kind === "invalid") return errorResponse(400, message.error.message, message.error);
  const method = "method" in message ? message.method : undefined;
  if (method === "initialize") return undefined;
  if (method === "server/discover" && message.kind === "request") {
    // A client of a later revision asks with this method whether the server supports that revision. After
    // the error, the client sends initialize.
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

function toResponse(result: PostResult | BodyError | Response): Response {
  if (typeof result === "string") return bodyErrorResponse(result);
  if (result instanceof Response) return result;
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

function jsonResponse(body: string, status: number): Response {
  return new Response(body, { status, headers: JSON_HEADERS });
}

function responseOptions(req: HonoRequest, { limits }: McpOptions): PostResponseOptions {
  return {
    acceptsEvents: accepts(req, EVENT_STREAM),
    acceptsPriming: (req.header("mcp-protocol-version") ?? "") >= PRIMING_SINCE,
    streamAfterMs: limits.streamAfterMs,
  };
}

function accepts(req: HonoRequest, type: string): boolean {
  const header = req.header("accept");
  if (header === undefined) return true;
  const wildcard = `${type.split("/")[0]}/*`;
  return header.split(",").some((range) => {
    const [name = ""] = range.split(";");
    return [type, wildcard, "*/*"].includes(name.trim().toLowerCase());
  });
}

function bodyErrorResponse(reason: BodyError): Response {
  switch (reason) {
    case "too-long":
      return errorResponse(413, "The message is larger than the limit", {
        code: RPC_CODES.invalidRequest,
      });
    case "busy":
      return unavailableResponse(
        "Messages and active calls hold their maximum of memory; try again when a call is answered",
      );
    case "incomplete":
      return errorResponse(408, "The message did not arrive in time");
  }
}

function unknownSessionResponse(): Response {
  return errorResponse(404, "There is no such session: start a new one with initialize");
}
