import type { HonoRequest } from "hono";
import type { Credential } from "./authentication.ts";
import { errorResponse, unavailableResponse } from "./error_response.ts";
import { EVENT_STREAM } from "./event_stream.ts";
import type { HttpLimits } from "./limits.ts";
import type { HttpRequestContext } from "./request_context.ts";

/** A POST to the MCP endpoint. */
export interface PostRequest {
  readonly req: HonoRequest;
  readonly env: HttpRequestContext;
  /** The credential of the client; `undefined` if none are configured. */
  readonly credential: Credential | undefined;
}

/** The context of all POSTs. */
export interface PostContext {
  /** Whether new work is refused because the gateway is shutting down. */
  readonly isDraining: () => boolean;
  readonly limits: HttpLimits;
}

/** The header with the id of a session. */
export const SESSION_HEADER = "mcp-session-id";

/** The header with the revision of MCP. */
export const REVISION_HEADER = "mcp-protocol-version";

/** Returns the error response to a POST whose headers are not valid in any revision, or to new work during a shutdown. */
export function checkPost(
  { req }: PostRequest,
  { isDraining }: PostContext,
): Response | undefined {
  // During a shutdown, clients of active calls may still send answers in their sessions.
  if (req.header(SESSION_HEADER) === undefined && isDraining()) return drainingResponse();
  const [type = ""] = (req.header("content-type") ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/json") {
    return errorResponse(415, "The body must be of type application/json");
  }
  if (req.header("content-encoding") !== undefined) {
    return errorResponse(415, "The body must not be compressed");
  }
  // The specification requires clients to accept both; one of them is enough to answer.
  if (!accepts(req, "application/json") && !accepts(req, EVENT_STREAM)) {
    return errorResponse(406, "A POST must accept application/json and text/event-stream");
  }
  return undefined;
}

/** Whether a client accepts responses of a media type. */
export function accepts(req: HonoRequest, type: string): boolean {
  const header = req.header("accept");
  if (header === undefined) return true;
  const wildcard = `${type.split("/")[0]}/*`;
  return header.split(",").some((range) => {
    const [name = ""] = range.split(";");
    return [type, wildcard, "*/*"].includes(name.trim().toLowerCase());
  });
}

/** Creates the response to new work during a shutdown. */
export function drainingResponse(): Response {
  return unavailableResponse("The gateway is shutting down; try again");
}

/** Creates the response with one answer. */
export function jsonResponse(body: string, status: number): Response {
  return new Response(body, { status, headers: { "content-type": "application/json" } });
}
