import { Hono, type HonoRequest } from "hono";
import { RPC_CODES } from "../../jsonrpc/mod.ts";
import { longWork, partyOf } from "../../long_work.ts";
import { STATELESS_REVISION } from "../../revisions.ts";
import { errorResponse, methodErrorResponse, unavailableResponse } from "./error_response.ts";
import { EVENT_STREAM, STREAM_HEADERS } from "./event_stream.ts";
import type { HttpLimits } from "./limits.ts";
import type { HttpEnv } from "./middleware.ts";
import { accepts, checkPost, REVISION_HEADER, SESSION_HEADER } from "./post_request.ts";
import type { BodyError } from "./request_context.ts";
import { findSession, receiveInSession, type SessionContext } from "./session_requests.ts";
import { isStateless, receiveStateless, type StatelessContext } from "./stateless_requests.ts";

/** Options of the MCP endpoint. */
export interface McpOptions extends SessionContext, StatelessContext {}

/** The methods of the endpoint. */
const METHODS = "GET, POST, DELETE";

/**
 * Creates the MCP endpoint. A POST has a message; its body decides whether the message belongs to a session or stands
 * alone. A GET opens the stream of a session, and a DELETE ends a session.
 */
export function mcpRoutes(options: McpOptions): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.post("/", async ({ req, env, get }) => {
    const post = { req, env, credential: get("credential") };
    const error = checkPost(post, options);
    if (error !== undefined) return error;
    const maxBytes = maxBodyBytes(req, options.limits);
    const agent = post.credential?.agent;
    const result = await env.receiveMessage({ maxBytes, agent }, (message) => {
      return isStateless(message, post)
        ? receiveStateless(message, { post, context: options })
        : receiveInSession(message, { post, context: options });
    });
    return typeof result === "string" ? bodyErrorResponse(result) : result;
  });

  routes.get("/", async ({ req, get }) => {
    // A GET route also matches HEAD, which must not replace the client's stream.
    if (req.method === "HEAD") return methodErrorResponse(METHODS);
    if (!accepts(req, EVENT_STREAM)) {
      return errorResponse(406, "A GET opens a stream: it must accept text/event-stream");
    }
    const session = findSession(req, { credential: get("credential"), context: options });
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
    const session = findSession(req, { credential: get("credential"), context: options });
    if (session instanceof Response) return session;
    options.sessions.end(session);
    return new Response(null, { status: 204 });
  });

  routes.all("/", () => methodErrorResponse(METHODS));
  return routes;
}

/** Returns the maximum size of a body, which is small if the body can only be that of `initialize`. */
function maxBodyBytes(req: HonoRequest, limits: HttpLimits): number {
  const opensSession = req.header(SESSION_HEADER) === undefined &&
    req.header(REVISION_HEADER) !== STATELESS_REVISION;
  return opensSession ? limits.firstBodyBytes : limits.bodyBytes;
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
