import type { ForwardedRequest } from "../config/mod.ts";
import { isRecord } from "../json.ts";
import type { ClientCapabilities } from "./caller.ts";

/**
 * Selects the client's capabilities that the gateway declares to a server: those whose requests the gateway
 * forwards from the server to the client.
 *
 * @param client Capabilities that the client declared.
 * @param forward The capabilities whose requests are forwarded.
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

  /** @param forward The capabilities whose requests are forwarded from the server to a client. */
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
