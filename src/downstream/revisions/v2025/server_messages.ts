import type { ForwardedRequest } from "../../../config/mod.ts";
import { type IncomingRequest, JsonText, type RpcError, textAt } from "../../../jsonrpc/mod.ts";
import { isRecord } from "../../../json.ts";
import { MAX_URI_LENGTH } from "../../catalog/mod.ts";
import type { InputRequest } from "../../client_channel.ts";
import type { ServerNotification, ServerRequest } from "../codec.ts";
import { LIST_CHANGES } from "./lists.ts";

/** Maximum length of the id of a task or an elicitation, in UTF-16 code units. */
export const MAX_ID_LENGTH = 1000;

/** Maximum number of texts in brackets at the beginning of a message. */
const MAX_LABELS = 100;

/**
 * Maximum length of the parameters of an update that are passed on, in UTF-16 code units: every subscriber gets a copy.
 * Of longer ones, only the URI is passed on.
 */
const MAX_UPDATE_LENGTH = 32 * 1024;

/** JSON-RPC code of "URL elicitation required". */
const URL_ELICITATION_REQUIRED = -32042;

/** The requests of a server that a client answers, and the capability that it declares for each. */
const CLIENT_REQUESTS: Readonly<Record<string, ForwardedRequest>> = {
  "elicitation/create": "elicitation",
  "roots/list": "roots",
  "sampling/createMessage": "sampling",
};

/** Decodes a request of a server; `undefined` if servers may not send it. */
export function decodeRequest(request: IncomingRequest, server: string): ServerRequest | undefined {
  const { method } = request;
  if (method === "ping") return { kind: "answered", result: {} };
  const capability = Object.hasOwn(CLIENT_REQUESTS, method) ? CLIENT_REQUESTS[method] : undefined;
  if (capability === undefined) return undefined;
  const input: InputRequest = capability === "elicitation"
    ? decodeElicitation(request, server)
    : { kind: capability, params: request.paramText() };
  return { kind: "input", capability, input };
}

/** Adds the server's name to the message and the form's title: people must know which server they answer. */
function decodeElicitation(request: IncomingRequest, server: string): InputRequest {
  const { params } = request;
  if (!isRecord(params)) return { kind: "form", params: request.paramText() };
  const { mode, requestedSchema } = params;
  const message = withServerName(params.message, server);
  const schemaMember = isRecord(requestedSchema)
    ? {
      requestedSchema: {
        ...requestedSchema,
        title: withServerName(requestedSchema.title, server),
      },
    }
    : {};
  return { kind: mode === "url" ? "url" : "form", params: { ...params, message, ...schemaMember } };
}

/**
 * Decodes an error that asks for the person to open links; `undefined` for any other error.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-elicitation-required-error}
 */
export function decodeLinksError(
  { code, message, data }: RpcError,
  server: string,
): JsonText | undefined {
  if (code !== URL_ELICITATION_REQUIRED || !isRecord(data)) return undefined;
  if (!Array.isArray(data.elicitations)) return undefined;
  const elicitations = data.elicitations.filter(isRecord).map((elicitation) => {
    return { ...elicitation, message: withServerName(elicitation.message, server) };
  });
  return new JsonText(JSON.stringify({ code, message, data: { ...data, elicitations } }));
}

function withServerName(text: unknown, server: string): string {
  const plainText = withoutLabels(String(text ?? ""));
  return plainText === "" ? `[${server}]` : `[${server}] ${plainText}`;
}

/**
 * Removes the texts in brackets from the beginning, which could be read as the name of another server. A text with too
 * many of them is removed: it may have millions.
 */
function withoutLabels(text: string): string {
  let rest = text;
  for (let count = 0; count <= MAX_LABELS; count++) {
    const start = findVisible(rest);
    const end = rest[start] === "[" ? rest.indexOf("]", start) : -1;
    if (end < 0) return count === 0 ? text : rest.slice(start);
    rest = rest.slice(end + 1);
  }
  return "";
}

/** Returns the index of the first visible character; the length if there is none. */
function findVisible(text: string): number {
  const index = text.search(/[^\s\p{C}]/u);
  return index < 0 ? text.length : index;
}

/** Decodes a notification of a server; `undefined` if there is no use for it. */
export function decodeNotification(
  { method, params, text }: {
    readonly method: string;
    readonly params: unknown;
    readonly text: string;
  },
  server: string,
): ServerNotification | undefined {
  const lists = Object.hasOwn(LIST_CHANGES, method) ? LIST_CHANGES[method] : undefined;
  if (lists !== undefined) return { kind: "lists-changed", lists };
  if (!isRecord(params)) return undefined;
  if (method === "notifications/message") {
    const logger = typeof params.logger === "string" ? `${server}/${params.logger}` : server;
    return { kind: "log", params: { ...params, logger } };
  }
  if (method === "notifications/resources/updated") {
    const { uri } = params;
    if (typeof uri !== "string" || uri.length > MAX_URI_LENGTH) return undefined;
    const written = textAt(text, "params") ?? "{}";
    const passed = written.length > MAX_UPDATE_LENGTH ? JSON.stringify({ uri }) : written;
    return { kind: "resource-updated", update: { uri, params: new JsonText(passed) } };
  }
  const { elicitationId } = params;
  return method === "notifications/elicitation/complete" && typeof elicitationId === "string" &&
      elicitationId.length <= MAX_ID_LENGTH
    ? { kind: "link-done", elicitationId }
    : undefined;
}
