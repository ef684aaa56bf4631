import { LIST_WORDS, type ListKind } from "./item_list.ts";

/**
 * The server did not list its items; the message goes to the agent, and the cause is the JSON-RPC error
 * of the answer, if the answer was an error.
 */
export class ListError extends Error {
  /** The name of the class. */
  override readonly name = "ListError";
}

/** The server did not list the first page in time, although the handshake succeeded. */
export class ListTimeout extends DOMException {
  /** Creates a `TimeoutError`. */
  constructor(kind: ListKind, timeoutMs: number) {
    super(`The ${LIST_WORDS[kind].items} were not listed within ${timeoutMs} ms`, "TimeoutError");
  }
}
