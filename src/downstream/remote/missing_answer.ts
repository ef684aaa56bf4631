import { isHtmlPage, mediaTypeOf } from "../http_responses.ts";
import { shortenText } from "../../text.ts";
import { RemoteFailure, type RemoteProblem } from "../remote_failure.ts";
import { readBeginning } from "./http_error.ts";
import { quoteBody } from "./quote.ts";
import type { IncomingText } from "./sse_parser.ts";

/** The parts of a response that explain why it contains no answer. */
export interface ReceivedResponse {
  /** The HTTP status. */
  status: number;
  /** The media type; empty if the response has none. */
  mediaType: string;
  /** The encoding of the body, which is not read; `undefined` if it is not encoded. */
  encoding: string | undefined;
  /** The whole body, or the last message of a stream. */
  data: IncomingText | undefined;
  /** Number of messages of a stream. */
  messageCount: number;
  /** The first bytes of a stream. */
  firstBytes: Uint8Array | undefined;
}

/** The request that got no answer. */
export interface FailedRequest {
  /** The host and port of the server. */
  readonly host: string;
  /** Id of the request, as JSON text. */
  readonly id: string;
  /** Removes secrets from a text, before it is quoted. */
  readonly redactSecrets: (text: string) => string;
}

/** Maximum length of a quoted id, code, type or encoding, in UTF-16 code units. */
const MAX_DETAIL_LENGTH = 50;

/** Maximum length of a body that is examined, in UTF-16 code units. */
const MAX_EXAMINED_LENGTH = 1024 * 1024;

/**
 * Explains why a request got no answer although the server responded. Quotes the response.
 *
 * @param received The response.
 * @param request The request.
 */
export function explainMissingAnswer(
  received: ReceivedResponse,
  request: FailedRequest,
): RemoteFailure {
  const { status, mediaType, data } = received;
  const text = data !== undefined && "text" in data ? data.text.slice(0, MAX_EXAMINED_LENGTH) : "";
  const isWebPage = isHtmlPage(text);
  const clause = describeResponse(received, text, request);
  const problem: RemoteProblem = isWebPage || /^text\/html/.test(mediaType)
    ? "web-page"
    : "not-mcp";
  return new RemoteFailure(`${request.host} ${clause}`, {
    // A tool does not answer with a web page. In all other cases, the tool may have run.
    reach: problem === "web-page" ? "refused" : "maybe",
    problem,
    status,
  });
}

function describeResponse(
  received: ReceivedResponse,
  text: string,
  request: FailedRequest,
): string {
  const { status, mediaType, encoding, data } = received;
  const http = `HTTP ${status}`;
  if (status === 202 || status === 204) {
    return `accepted the request (${http}) without answering it`;
  }
  if (encoding !== undefined) {
    return `compressed its answer (${http}) as ${
      quoteDetail(encoding, request)
    }, which the gateway ` +
      "did not ask for and does not read";
  }
  if (mediaType === "text/event-stream") return describeStream(received, text, request);
  const label = `${http}, ${quoteMediaType(mediaType, request)}`;
  if (data !== undefined && "reason" in data) {
    return `answered with a body that is not UTF-8 text (${label})`;
  }
  if (text.trim() === "") return `answered with an empty body (${label})`;
  const quoted = quoteText(text, request);
  if (isHtmlPage(text)) return `answered with a web page (${label})${quoted}; check its url`;
  const message = describeMessage(text, request);
  return `answered with ${message} (${label})${quoted}`;
}

function describeStream(
  { status, messageCount, firstBytes, data }: ReceivedResponse,
  text: string,
  request: FailedRequest,
): string {
  const label = `HTTP ${status}, text/event-stream`;
  if (messageCount === 0) {
    const beginning = new TextDecoder().decode(firstBytes);
    if (/^\s*[[{]/.test(beginning)) {
      return `labelled JSON as an event stream (${label})${quoteText(beginning, request)}`;
    }
    return `ended its event stream without an answer (${label})`;
  }
  if (data !== undefined && "reason" in data) {
    return `sent an event that is not UTF-8 text (${label})`;
  }
  const isRequestOrNotification = /^\s*\{/.test(text) && methodOf(text) !== undefined;
  if (isRequestOrNotification) return `ended its event stream without an answer (${label})`;
  return `sent ${describeMessage(text, request)} as its last event (${label})${
    quoteText(text, request)
  }`;
}

/**
 * Explains what was received instead of an event stream.
 *
 * @param response The response; its body is read.
 * @param request The request.
 */
export async function explainMissingStream(
  response: Response,
  { host, redactSecrets }: Omit<FailedRequest, "id">,
): Promise<RemoteFailure> {
  const { status } = response;
  const mediaType = mediaTypeOf(response);
  const text = await readBeginning(response);
  const isWebPage = isHtmlPage(text) || mediaType === "text/html";
  const label = `HTTP ${status}, ${quoteMediaType(mediaType, { redactSecrets })}`;
  const answer = isWebPage ? "a web page" : "something other than an event stream";
  const message = `${host} answered with ${answer} (${label})${
    quoteText(text, { redactSecrets })
  }; check its url`;
  const problem = isWebPage ? "web-page" : "not-mcp";
  return new RemoteFailure(message, { reach: "refused", status, problem });
}

/** Describes a text that was received instead of the answer. */
function describeMessage(text: string, request: FailedRequest): string {
  const { id } = request;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    if (/^(:|event:|data:|id:|retry:)/m.test(text.slice(0, 1024))) {
      return "an event stream that is not labelled as one";
    }
    if (!/^\s*[[{]/.test(text)) return "something that is not an MCP message";
    const hasSecondDocument = cause instanceof Error && /after JSON/.test(cause.message);
    return hasSecondDocument ? "more than one JSON document" : "broken JSON";
  }
  if (typeof value !== "object" || value === null) return "something that is not an MCP message";
  const members = value as Readonly<Record<string, unknown>>;
  if (!Array.isArray(value) && members.jsonrpc !== "2.0") return "JSON that is not an MCP message";
  if (members.method !== undefined) return "a message that is not an answer";
  if (members.error !== undefined && (members.id === null || members.id === undefined)) {
    const { code } = (members.error ?? {}) as { code?: unknown };
    const codeText = code === undefined ? "without a code" : quoteDetail(code, request);
    return `error ${codeText}, without the id of a request`;
  }
  if (members.id === undefined) return "an answer without an id";
  if (Array.isArray(value)) return `several answers, none with the id ${id}`;
  return `an answer with the id ${quoteDetail(members.id, request)} instead of ${id}`;
}

function methodOf(text: string): unknown {
  try {
    return JSON.parse(text).method;
  } catch {
    return undefined;
  }
}

/** Quotes a value that the server chose, as short JSON. */
function quoteDetail(
  value: unknown,
  { redactSecrets }: Pick<FailedRequest, "redactSecrets">,
): string {
  return shortenText(redactSecrets(JSON.stringify(value)), MAX_DETAIL_LENGTH);
}

function quoteMediaType(
  mediaType: string,
  { redactSecrets }: Pick<FailedRequest, "redactSecrets">,
): string {
  return mediaType === ""
    ? "no content type"
    : shortenText(redactSecrets(mediaType), MAX_DETAIL_LENGTH);
}

function quoteText(text: string, { redactSecrets }: Pick<FailedRequest, "redactSecrets">): string {
  const quoted = quoteBody(text, redactSecrets);
  return quoted === undefined ? "" : `: ${quoted}`;
}
