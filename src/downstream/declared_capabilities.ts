import type { ForwardedRequest } from "../config/mod.ts";
import { isRecord } from "../json.ts";
import type { ClientCapabilities } from "./caller.ts";

/**
 * Selects the client's capabilities that are declared to a server: those for which the server's requests are
 * forwarded.
 *
 * @param client Capabilities that the client declared.
 * @param forward Requests of the server that are forwarded to the client.
 */
export function declaredCapabilities(
  client: ClientCapabilities,
  forward: readonly ForwardedRequest[],
): ClientCapabilities {
  const declared: Record<string, unknown> = {};
  for (const name of forward) {
    if (isRecord(client[name])) declared[name] = client[name];
  }
  return declared;
}

/** Keys of the capabilities that are declared to one server. Clients with equal keys share its tool lists. */
export class CapabilityKeys {
  readonly #forward: readonly ForwardedRequest[];
  readonly #keys = new WeakMap<ClientCapabilities, string>();

  /** @param forward Requests of the server that are forwarded to a client. */
  constructor(forward: readonly ForwardedRequest[]) {
    this.#forward = forward;
  }

  /** Returns the key of a client's capabilities. */
  of(capabilities: ClientCapabilities): string {
    let key = this.#keys.get(capabilities);
    if (key === undefined) {
      key = JSON.stringify(declaredCapabilities(capabilities, this.#forward));
      this.#keys.set(capabilities, key);
    }
    return key;
  }
}
