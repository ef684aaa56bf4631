import type { ForwardedRequest } from "../config/mod.ts";
import { isRecord } from "../json.ts";
import type { ClientCapabilities } from "./caller.ts";

/**
 * Reads the capabilities in a client's `initialize`. Unknown members, and members that are not objects, are left
 * out. So is `sampling.context`, because the gateway removes `includeContext`.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/schema#clientcapabilities}
 */
export function readCapabilities(value: unknown): ClientCapabilities {
  const { elicitation, roots, sampling } = isRecord(value) ? value : {};
  return {
    ...(isRecord(elicitation) && { elicitation: emptyObjects(elicitation, ["form", "url"]) }),
    ...(isRecord(roots) && { roots: roots.listChanged === true ? { listChanged: true } : {} }),
    ...(isRecord(sampling) && { sampling: emptyObjects(sampling, ["tools"]) }),
  };
}

/** Returns an empty object for each of the named members that is an object. */
function emptyObjects(
  fields: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Record<string, Record<string, never>> {
  return Object.fromEntries(
    names.filter((name) => isRecord(fields[name])).map((name) => [name, {}]),
  );
}

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
  return Object.fromEntries(
    forward.flatMap((name) => client[name] === undefined ? [] : [[name, client[name]]]),
  );
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
