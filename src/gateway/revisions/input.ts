import { fieldsOf } from "../../json.ts";
import type {
  ClientCapabilities,
  InputKind,
  InputRequest,
  InputResponse,
} from "../../downstream/mod.ts";
import type { Payload, Reply } from "../../jsonrpc/mod.ts";

const INPUT_METHODS: Readonly<Record<InputKind, string>> = {
  form: "elicitation/create",
  url: "elicitation/create",
  sampling: "sampling/createMessage",
  roots: "roots/list",
};

/**
 * Whether a client can be asked for a kind of input. A client that declares elicitation without modes
 * has forms; one that declares only links has none.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#capabilities}
 */
export function canAsk(
  { elicitation, sampling, roots }: ClientCapabilities,
  kind: InputKind,
): boolean {
  const { url, form = url === undefined ? elicitation : undefined } = elicitation ?? {};
  return { form, url, sampling, roots }[kind] !== undefined;
}

/** Encodes a server's request for the user's input. */
export function encodeInputRequest(
  { kind, params }: InputRequest,
): { readonly method: string; readonly params: Payload | undefined } {
  return { method: INPUT_METHODS[kind], params };
}

/** Decodes the client's answer to a request for input. */
export function decodeInputReply(reply: Reply, kind: InputKind): InputResponse {
  if (!reply.ok) return { kind: "failed", error: reply.text };
  const { result } = reply;
  const isElicitation = kind === "form" || kind === "url";
  const { action } = isElicitation ? fieldsOf(result.value) : { action: "accept" };
  if (action === "accept") return { kind: "accepted", result };
  return { kind: action === "cancel" ? "cancelled" : "declined", result };
}
