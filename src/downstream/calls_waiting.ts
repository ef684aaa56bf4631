import type { Waiting } from "./authorization.ts";
import { isRecord } from "./handshake.ts";

/** The operations that wait for a server, so that a person may be asked something for them. */
export class CallsWaiting {
  // One entry for each, because a client may have many.
  readonly #calls = new Set<{ readonly call: Waiting }>();

  /** The one to ask for: the first whose client can show links, else the first. */
  get best(): Waiting | undefined {
    const calls = [...this.#calls].map(({ call }) => call);
    return calls.find(takesLinks) ?? calls[0];
  }

  /**
   * Adds one, until what is given back is disposed of.
   *
   * @param call Who calls.
   */
  enter(call: Waiting): Disposable {
    const entry = { call };
    this.#calls.add(entry);
    return { [Symbol.dispose]: () => void this.#calls.delete(entry) };
  }
}

/**
 * Whether a client can show links.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#capabilities}
 */
export function takesLinks({ capabilities }: Waiting): boolean {
  const { elicitation } = capabilities;
  return isRecord(elicitation) && isRecord(elicitation.url);
}
