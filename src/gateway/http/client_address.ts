import { BlockList, isIP } from "node:net";

/** Determines the address of a client, which may connect through reverse proxies. */
export class ClientAddresses {
  readonly #proxies = new BlockList();

  /** @param trustedProxies Addresses of the trusted proxies, and networks as `ADDRESS/BITS`. */
  constructor(trustedProxies: readonly string[]) {
    for (const proxy of trustedProxies) {
      const [address = "", bits] = proxy.split("/");
      const family = familyOf(address);
      if (bits === undefined) this.#proxies.addAddress(address, family);
      else this.#proxies.addSubnet(address, Number(bits), family);
    }
  }

  /**
   * Returns the address of a client. Each trusted proxy appends the address of its own client to
   * `X-Forwarded-For`. The client is therefore the right-most address that is not a trusted proxy; the
   * addresses to the left of it may be forged.
   *
   * @param peer The address at the other end of the connection.
   * @param forwardedFor The value of `X-Forwarded-For`, if there is one.
   */
  find(peer: string, forwardedFor = ""): string {
    if (forwardedFor === "") return peer;
    let client = peer;
    for (const text of forwardedFor.split(",").reverse()) {
      if (!this.#isTrusted(client)) break;
      const address = withoutPort(text.trim());
      if (isIP(address) === 0) break;
      client = address;
    }
    return client;
  }

  #isTrusted(address: string): boolean {
    return isIP(address) !== 0 && this.#proxies.check(address, familyOf(address));
  }
}

/**
 * Returns the network of an address. The network of an IPv6 address is its first half: one host may use all
 * addresses with the same first half.
 */
export function networkOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.toLowerCase().split("::");
  const headGroups = head === "" ? [] : head.split(":");
  const tailGroups = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array<string>(Math.max(0, 8 - headGroups.length - tailGroups.length)).fill("0");
  return [...headGroups, ...zeros, ...tailGroups].slice(0, 4).join(":");
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

/** Removes a port, which some proxies append: `192.0.2.1:50000`, `[2001:db8::1]:50000`. */
function withoutPort(text: string): string {
  const [, ipv6, ipv4] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(text) ?? [];
  return ipv6 ?? ipv4 ?? text;
}
