import type { Forwarded } from "../config/mod.ts";
import type { ClientCapabilities } from "./caller.ts";
import { declaredCapabilities } from "./handshake.ts";

/** Names what clients can do, as far as one server is told: those with one name share its lists. */
export class CapabilityKeys {
  readonly #forward: readonly Forwarded[];
  readonly #known = new WeakMap<ClientCapabilities, string>();

  /**
   * Knows no client yet.
   *
   * @param forward Which requests of the server reach a client.
   */
  constructor(forward: readonly Forwarded[]) {
    this.#forward = forward;
  }

  /** The name. */
  of(capabilities: ClientCapabilities): string {
    let key = this.#known.get(capabilities);
    if (key === undefined) {
      key = JSON.stringify(declaredCapabilities(capabilities, this.#forward));
      this.#known.set(capabilities, key);
    }
    return key;
  }
}
