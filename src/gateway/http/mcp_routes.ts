import { Hono, type HonoRequest } from "hono";
import { JsonText, RPC_CODES, textAt } from "../../jsonrpc/mod.ts";
import type { Credential } from "./authentication.ts";
import { EVENT_STREAM } from "./event_stream.ts";
import type { HttpSession } from "./http_session.ts";
import type { HttpSessions } from "./http_sessions.ts";
import type { HttpLimits } from "./limits.ts";
import type { HttpEnv } from "./middleware.ts";
import type { PostOptions, PostResult } from "./post_response.ts";
import { refuse } from "./refusal.ts";
import type { BodyError, RequestContext } from "./request_context.ts";
import { isRecord } from "../../json.ts";

/** Options of the MCP endpoint. */
export interface McpOptions {
  readonly sessions: HttpSessions;
  readonly revisions: readonly string[];
  /** Whether new work is refused because the gateway is shutting down. */
  readonly isDraining: () => boolean;
  readonly limits: HttpLimits;
}

const SESSION = "mcp-session-id";
const JSON_TYPE = { "content-type": "application/json" };
const EVENTS_TYPE = { "content-type": EVENT_STREAM, "x-accel-buffering": "no" };

const ENDING = "The gateway is shutting down; try again";

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
    const refusal = checkPost(req, options);
    if (refusal !== undefined) return refusal;
    const id = req.header(SESSION);
    const credential = get("credential");
    if (id === undefined) return await openSession({ req, env, credential }, options);
    const session = options.sessions.find(id, credential);
    if (session === undefined) return unknownSession();
    const body = await env.readBody(options.limits.bodyBytes);
    if (typeof body === "string") return refuseBody(body);
    if (options.isDraining() && asks(body)) return refuseForNow(ENDING);
    return answer(await takeBody(session, body, postOptions(req, options)));
  });

  routes.get("/", ({ req, get }) => {
    // GET routes also match HEAD, which must not replace the client's stream.
    if (req.method === "HEAD") return refuseMethod();
    if (!accepts(req, EVENT_STREAM)) {
      return refuse(406, "A GET opens a stream: it must accept text/event-stream");
    }
    const session = findSession(req, get("credential"), options);
    if (session instanceof Response) return session;
    const lastId = req.header("last-event-id");
    const stream = lastId === undefined ? session.listen() : session.resume(lastId);
    if (stream === undefined) {
      return refuse(
        400,
        "The events after this Last-Event-ID are no longer available: send the call again",
      );
    }
    return new Response(stream.body, { headers: EVENTS_TYPE });
  });

  routes.delete("/", ({ req, get }) => {
    const session = findSession(req, get("credential"), options);
    if (session instanceof Response) return session;
    options.sessions.end(session);
    return new Response(null, { status: 204 });
  });

  routes.all("/", refuseMethod);
  return routes;
}

function refuseMethod(): Response {
  const headers = { allow: "GET, POST, DELETE" };
  return refuse(405, "This endpoint takes GET, POST and DELETE", { headers });
}

function checkPost(req: HonoRequest, options: McpOptions): Response | undefined {
  // Clients may still answer the requests of active calls.
  const isNew = req.header(SESSION) === undefined;
  if (isNew && options.isDraining()) return refuseForNow(ENDING);
  const [type = ""] = (req.header("content-type") ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/json") {
    return refuse(415, "The body must be of type application/json");
  }
  if (req.header("content-encoding") !== undefined) {
    return refuse(415, "The body must not be compressed");
  }
  if (!accepts(req, "application/json") && !accepts(req, EVENT_STREAM)) {
    return refuse(406, "A POST must accept application/json and text/event-stream");
  }
  return checkRevision(req, options);
}

/** @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#protocol-version-header} */
function checkRevision(req: HonoRequest, { revisions }: McpOptions): Response | undefined {
  const revision = req.header("mcp-protocol-version");
  // Before there is a session, the message itself names the revision.
  if (revision === undefined || req.header(SESSION) === undefined) return undefined;
  if (revisions.includes(revision)) return undefined;
  return refuse(400, `MCP-Protocol-Version must be one of ${revisions.join(", ")}`);
}

function findSession(
  req: HonoRequest,
  credential: Credential | undefined,
  options: McpOptions,
): HttpSession | Response {
  const id = req.header(SESSION);
  if (id === undefined) return refuse(400, "The header Mcp-Session-Id is missing");
  return checkRevision(req, options) ?? options.sessions.find(id, credential) ?? unknownSession();
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
  const body = await env.readBody(options.limits.firstBodyBytes);
  if (typeof body === "string") return refuseBody(body);
  const first = checkFirstMessage(body);
  if (first instanceof Response) return first;
  const session = options.sessions.open(credential);
  if (session === undefined) {
    return refuseForNow("All sessions of the gateway are taken; try again later");
  }
  const reply = await takeBody(session, body, postOptions(req, options));
  const isOpen = options.sessions.endUnlessInitialized(session);
  const response = answer(reply);
  if (isOpen) response.headers.set(SESSION, session.id);
  return response;
}

/** Returns the refusal of a first message that is not `initialize`. */
function checkFirstMessage(body: Uint8Array): Response | undefined {
  let message: unknown;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    message = JSON.parse(text);
  } catch {
    return refuse(400, "The body is not JSON in UTF-8", { code: RPC_CODES.parseError });
  }
  const { method, id }: Record<string, unknown> = isRecord(message) ? message : {};
  if (method === "initialize") return undefined;
  if (method === "server/discover" && (typeof id === "string" || typeof id === "number")) {
    // A client of a later revision probes whether we support it; refused, it sends initialize.
    const own = new JsonText(textAt(text, "id") ?? "null").json;
    const error = { code: RPC_CODES.methodNotFound, id: own };
    return refuse(400, "Method not found: server/discover", error);
  }
  const errorMessage = "The header Mcp-Session-Id is missing: a session begins with initialize";
  return refuse(400, errorMessage, { code: RPC_CODES.invalidRequest });
}

/** Whether a body contains a request, and not only answers and notifications. */
function asks(body: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return (Array.isArray(value) ? value : [value]).some(({ method, id }) => {
      return method !== undefined && id !== undefined;
    });
  } catch {
    return true;
  }
}

async function takeBody(
  session: HttpSession,
  body: Uint8Array<ArrayBuffer>,
  options: PostOptions,
): Promise<PostResult> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return await session.receiveInvalid(body, options).reply;
  }
  return await session.take({ text, bytes: body.length }, options).reply;
}

function answer(reply: PostResult): Response {
  switch (reply.kind) {
    case "accepted":
      return new Response(null, { status: 202 });
    case "message":
      return new Response(reply.text, { status: reply.isInvalid ? 400 : 200, headers: JSON_TYPE });
    case "stream":
      return new Response(reply.stream.body, { headers: EVENTS_TYPE });
    case "gone":
      return unknownSession();
  }
}

function postOptions(req: HonoRequest, { limits }: McpOptions): PostOptions {
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

function refuseBody(reason: BodyError): Response {
  switch (reason) {
    case "too-long":
      return refuse(413, "The message is larger than the limit", {
        code: RPC_CODES.invalidRequest,
      });
    case "busy":
      return refuseForNow("Too many long messages are being read; try again");
    case "gone":
      return refuse(408, "The message did not come in time");
  }
}

function unknownSession(): Response {
  return refuse(404, "There is no such session: introduce yourself again with initialize");
}

function refuseForNow(message: string): Response {
  return refuse(503, message, { headers: { "retry-after": "5" } });
}
