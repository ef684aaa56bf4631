import { isRecord } from "../../json.ts";
import { utf8Bytes } from "../../jsonrpc/mod.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { untilAborted } from "../until_aborted.ts";
import type { OutgoingMessage, RemoteClientOptions } from "./remote_client.ts";
import { isEventStream } from "./response.ts";
import { ResponseReader } from "./response_reader.ts";
import type { IncomingText } from "./sse_parser.ts";

/** Statuses from 400 to 499 that are about the HTTP request, so that a JSON-RPC error in their body is no answer. */
const HTTP_LEVEL_STATUSES: ReadonlySet<number> = new Set([401, 403, 407, 408, 413, 421, 429, 431]);

/** Maximum length of an answer to a probe to which the id of the request is added, in UTF-16 code units. */
const MAX_REFUSAL_LENGTH = 64 * 1024;

/**
 * Sends a request that belongs to no session, and reads its response. Aborting it cancels the request. A stream that
 * breaks off is not resumed, and ends no other request.
 *
 * @param message The request.
 * @param options The options of the client; and the signal that cancels the request, whose reason is thrown.
 * @returns A function that explains why no answer arrived, to be called only in that case.
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http}
 * @throws {RemoteFailure} if the request cannot be sent or its response cannot be read.
 * @throws {DownstreamError} if a login is needed.
 */
export async function sendStateless(
  message: OutgoingMessage,
  { client, signal }: { readonly client: RemoteClientOptions; readonly signal: AbortSignal },
): Promise<() => RemoteFailure> {
  const { requester, url, maxBusyWaitMs, untilClientReads } = client;
  const { id = "null", role, text, headers } = message;
  try {
    const response = await requester.send(url, {
      method: "POST",
      headers: {
        ...headers,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      body: text,
      signal,
      maxBusyWaitMs: role === "probe" ? maxBusyWaitMs.start : maxBusyWaitMs.call,
    });
    message.onResponsePart();
    const clientReads = untilClientReads?.();
    if (clientReads !== undefined) await untilAborted(clientReads, signal);
    const onMessage: RemoteClientOptions["onMessage"] = (data) => {
      return client.onMessage(role === "probe" ? withRequestId(data, id) : data);
    };
    const reader = new ResponseReader(response, { ...client, onMessage }, { message, signal });
    if (reader.isUnreadable) await response.body?.cancel();
    else if (isEventStream(response)) await reader.readStream(response);
    else await reader.readBody(response);
    return () => reader.explain();
  } catch (cause) {
    if (!(cause instanceof RemoteFailure)) throw cause;
    const answer = readAnswer(cause, id);
    if (answer === undefined) throw withoutSessionEnd(cause);
    await client.onMessage(answer);
    return () => cause;
  }
}

/** Returns the answer in the body of a response with an error status, if the server itself has answered the request. */
function readAnswer({ status, rpcError }: RemoteFailure, id: string): IncomingText | undefined {
  if (rpcError === undefined || status === undefined) return undefined;
  if (status < 400 || status >= 500 || HTTP_LEVEL_STATUSES.has(status)) return undefined;
  return createErrorAnswer(rpcError, id);
}

/** Adds the id of the request to an error without one: a server may refuse an unknown method without reading the id. */
function withRequestId(data: IncomingText, id: string): IncomingText {
  if ("reason" in data || data.text.length > MAX_REFUSAL_LENGTH) return data;
  try {
    const message: unknown = JSON.parse(data.text);
    const isError = isRecord(message) && isRecord(message.error) && message.method === undefined;
    return isError && (message.id ?? null) === null ? createErrorAnswer(message.error, id) : data;
  } catch {
    // The text is not JSON, which the reader of the message reports.
    return data;
  }
}

function createErrorAnswer(error: unknown, id: string): IncomingText {
  const text = `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`;
  return { text, bytes: utf8Bytes(text) };
}

/** Returns a failure that concerns only its own request: a broken connection ends no session. */
function withoutSessionEnd(failure: RemoteFailure): RemoteFailure {
  if (!failure.endsSession) return failure;
  const { message, reach, status, isBusy, problem, rpcError } = failure;
  const { cause } = failure;
  return new RemoteFailure(message, { reach, status, isBusy, problem, rpcError, cause });
}
