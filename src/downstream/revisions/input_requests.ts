import type { ForwardedRequest } from "../../config/mod.ts";
import { fieldsOf, isRecord } from "../../json.ts";
import { JsonText, otherMembers } from "../../jsonrpc/mod.ts";
import type { InputRequest } from "../client_channel.ts";

/** Maximum number of texts in brackets at the beginning of a message. */
const MAX_LABELS = 100;

/** The requests for input of a server, and the capability that it declares for each. */
const INPUT_CAPABILITIES: Readonly<Record<string, ForwardedRequest>> = {
  "elicitation/create": "elicitation",
  "roots/list": "roots",
  "sampling/createMessage": "sampling",
};

/** A request for input, as the server wrote it. */
export interface WrittenRequest {
  /** The method. */
  readonly method: string;
  /** The parsed parameters. */
  readonly params: unknown;
  /** Returns the text of the parameters; `undefined` if there are none. */
  paramText(): JsonText | undefined;
}

/**
 * Decodes a request for input.
 *
 * @returns The request, and the capability that the client must have declared; `undefined` if a server may not ask this.
 */
export function decodeInputRequest(
  request: WrittenRequest,
  server: string,
): { readonly capability: ForwardedRequest; readonly input: InputRequest } | undefined {
  const { method } = request;
  const capability = Object.hasOwn(INPUT_CAPABILITIES, method)
    ? INPUT_CAPABILITIES[method]
    : undefined;
  if (capability === undefined) return undefined;
  return { capability, input: decodeInput(capability, { request, server }) };
}

function decodeInput(
  capability: ForwardedRequest,
  { request, server }: { readonly request: WrittenRequest; readonly server: string },
): InputRequest {
  switch (capability) {
    case "elicitation":
      return decodeElicitation(request, server);
    case "sampling":
      return { kind: "sampling", params: withoutContext(request) };
    case "roots":
      return { kind: "roots", params: request.paramText() };
  }
}

/**
 * Removes `includeContext`: for the client, all servers behind the gateway are one, so it could give this server what the
 * others returned.
 */
function withoutContext(request: WrittenRequest): JsonText | undefined {
  const text = request.paramText();
  if (text === undefined || !Object.hasOwn(fieldsOf(request.params), "includeContext")) return text;
  return new JsonText(`{${otherMembers(text.json, ["includeContext"]).join(",")}}`);
}

/** Adds the server's name to the message and the form's title: people must know which server they answer. */
function decodeElicitation(request: WrittenRequest, server: string): InputRequest {
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

/** Puts the server's name before a text that a person reads. */
export function withServerName(text: unknown, server: string): string {
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
