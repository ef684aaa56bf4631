import type { PendingCaller } from "./authorization.ts";
import { supportsUrlElicitation } from "./caller.ts";

/** One for each operation, because a client may have many. */
interface Entry {
  readonly call: PendingCaller;
}

/** The operations that wait for a server, so that a person may be asked something for them. */
export class PendingCalls {
  readonly #calls = new Set<Entry>();

  /** The one to ask for: the first whose client can show links, else the first. */
  get best(): PendingCaller | undefined {
    const calls = [...this.#calls].map(({ call }) => call);
    return calls.find(supportsUrlElicitation) ?? calls[0];
  }

  /** Adds one, and gives what takes it out again. */
  enter(call: PendingCaller): Entry {
    const entry = { call };
    this.#calls.add(entry);
    return entry;
  }

  /** Takes one out. */
  leave(entry: Entry): void {
    this.#calls.delete(entry);
  }
}
