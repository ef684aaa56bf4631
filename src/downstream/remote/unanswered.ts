import { isPage, mediaType } from "../http_answers.ts";
import { shortenText } from "../../text.ts";
import { RemoteFailure, type RemoteProblem } from "../remote_failure.ts";
import { readHead } from "./http_error.ts";
import { quoteBody } from "./quote.ts";
import type { SseData } from "./sse_parser.ts";

/** The response that arrived instead of the answer to a request. */
export interface Received {
  /** The HTTP status. */
  status: number;
  /** The media type; empty if none was named. */
  type: string;
  /** The encoding of the body if it could not be decoded. */
  encoding: string | undefined;
  /** The whole body, or the last message of a stream. */
  data: SseData | undefined;
  /** Number of messages of a stream. */
  events: number;
  /** The first bytes of a stream. */
  head: Uint8Array | undefined;
}

/** A request that got no answer. */
export interface UnansweredRequest {
  /** The server, as `host:port`. */
  readonly host: string;
  /** Its id as JSON text. */
  readonly id: string;
  /** Removes what must not be quoted. */
  readonly clean: (text: string) => string;
}

/** Maximum length of a quoted id, code, type or encoding, in UTF-16 code units. */
const MAX_DETAIL = 50;

/** Maximum length of a body that is examined, in UTF-16 code units. */
const MAX_LOOK = 1024 * 1024;

/**
 * Explains why a request got no answer although the server responded: each cause in its own words,
 * with a quote of the response.
 *
 * @param received The response.
 * @param request The request.
 */
export function explainUnanswered(received: Received, request: UnansweredRequest): RemoteFailure {
  const { status, type, data } = received;
  const text = data !== undefined && "text" in data ? data.text.slice(0, MAX_LOOK) : "";
  const isWebPage = isPage(text);
  const what = whatCame(received, text, request);
  const problem: RemoteProblem = isWebPage || /^text\/html/.test(type) ? "web-page" : "not-mcp";
  return new RemoteFailure(`${request.host} ${what}`, {
    // A web page does not come from a tool; with anything else, the tool may have run.
    reach: problem === "web-page" ? "refused" : "maybe",
    problem,
    status,
  });
}

function whatCame(received: Received, text: string, request: UnansweredRequest): string {
  const { status, type, encoding, data } = received;
  const http = `HTTP ${status}`;
  if (status === 202 || status === 204) {
    return `accepted the request (${http}) without answering it`;
  }
  if (encoding !== undefined) {
    return `compressed its answer (${http}) as ${detail(encoding, request)}, which the gateway ` +
      "did not ask for and cannot read";
  }
  if (type === "text/event-stream") return streamed(received, text, request);
  const label = `${http}, ${typeText(type, request)}`;
  if (data !== undefined && "reason" in data) {
    return `answered with a body that is not UTF-8 text (${label})`;
  }
  if (text.trim() === "") return `answered with an empty body (${label})`;
  const quoted = quote(text, request);
  if (isPage(text)) return `answered with a web page (${label})${quoted}; check its url`;
  const message = messageIn(text, request);
  return `answered with ${message} (${label})${quoted}`;
}

function streamed(
  { status, events, head, data }: Received,
  text: string,
  request: UnansweredRequest,
): string {
  const label = `HTTP ${status}, text/event-stream`;
  if (events === 0) {
    const begin = new TextDecoder().decode(head);
    if (/^\s*[[{]/.test(begin)) {
      return `labelled JSON as an event stream (${label})${quote(begin, request)}`;
    }
    return `ended its event stream without an answer (${label})`;
  }
  if (data !== undefined && "reason" in data) {
    return `sent an event that is not UTF-8 text (${label})`;
  }
  const isNotice = /^\s*\{/.test(text) && methodOf(text) !== undefined;
  if (isNotice) return `ended its event stream without an answer (${label})`;
  return `sent ${messageIn(text, request)} as its last event (${label})${quote(text, request)}`;
}

/**
 * Explains what was received instead of an event stream.
 *
 * @param response The response; its body is read.
 * @param request The request.
 */
export async function explainNoStream(
  response: Response,
  { host, clean }: Omit<UnansweredRequest, "id">,
): Promise<RemoteFailure> {
  const { status } = response;
  const type = mediaType(response);
  const text = await readHead(response);
  const isWebPage = isPage(text) || type === "text/html";
  const label = `HTTP ${status}, ${typeText(type, { clean })}`;
  const what = isWebPage ? "a web page" : "something other than an event stream";
  const message = `${host} answered with ${what} (${label})${
    quote(text, { clean })
  }; check its url`;
  const problem = isWebPage ? "web-page" : "not-mcp";
  return new RemoteFailure(message, { reach: "refused", status, problem });
}

/** Describes a text that should have been the answer. */
function messageIn(text: string, request: UnansweredRequest): string {
  const { id } = request;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    if (/^(:|event:|data:|id:|retry:)/m.test(text.slice(0, 1024))) {
      return "an event stream that is not labelled as one";
    }
    if (!/^\s*[[{]/.test(text)) return "something that is not an MCP message";
    const isDouble = cause instanceof Error && /after JSON/.test(cause.message);
    return isDouble ? "more than one JSON document" : "broken JSON";
  }
  if (typeof value !== "object" || value === null) return "something that is not an MCP message";
  const members = value as Readonly<Record<string, unknown>>;
  if (!Array.isArray(value) && members.jsonrpc !== "2.0") return "JSON that is not an MCP message";
  if (members.method !== undefined) return "a message that is not an answer";
  if (members.error !== undefined && (members.id === null || members.id === undefined)) {
    const { code } = (members.error ?? {}) as { code?: unknown };
    const what = code === undefined ? "without a code" : detail(code, request);
    return `error ${what}, without the id of a request`;
  }
  if (members.id === undefined) return "an answer without an id";
  if (Array.isArray(value)) return `several answers, none with the id ${id}`;
  return `an answer with the id ${detail(members.id, request)} instead of ${id}`;
}

function methodOf(text: string): unknown {
  try {
    return JSON.parse(text).method;
  } catch {
    return undefined;
  }
}

/** A value that the server chose, as short JSON. */
function detail(value: unknown, { clean }: Pick<UnansweredRequest, "clean">): string {
  return shortenText(clean(JSON.stringify(value)), MAX_DETAIL);
}

function typeText(type: string, { clean }: Pick<UnansweredRequest, "clean">): string {
  return type === "" ? "no content type" : shortenText(clean(type), MAX_DETAIL);
}

function quote(text: string, { clean }: Pick<UnansweredRequest, "clean">): string {
  const said = quoteBody(text, clean);
  return said === undefined ? "" : `: ${said}`;
}
