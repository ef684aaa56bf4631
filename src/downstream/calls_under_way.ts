import { type Listed, Roster } from "../jsonrpc/mod.ts";
import type { ClientLink } from "./caller.ts";

/** One for each call, because a client may have many. */
interface Entry extends Listed {
  readonly link: ClientLink;
}

/** The calls under way on a session. */
export class CallsUnderWay {
  readonly #entries = new Roster<Entry>();

  /** How many there are. */
  get count(): number {
    return this.#entries.size;
  }

  /**
   * The client of the only call there is. The protocol does not say which call a request or a log
   * message of the server belongs to, so that is known only while there is one.
   */
  get onlyLink(): ClientLink | undefined {
    return this.#entries.size === 1 ? this.#entries.any?.link : undefined;
  }

  /** A call begins; gives what ends it. */
  begin(link: ClientLink): Entry {
    const entry = { link, listedAt: -1 };
    this.#entries.add(entry);
    return entry;
  }

  /** A call is over. */
  end(entry: Entry): void {
    this.#entries.delete(entry);
  }
}
