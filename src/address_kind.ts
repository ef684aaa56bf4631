/**
 * Recognizes the kind of a network address. A leaf: imports nothing of the project.
 *
 * @module
 */

/**
 * The kind of an address. `private`: in a private network. `loopback`: on this machine. `link-local`: on
 * the local link, where cloud providers serve credentials. `reserved`: multicast, documentation and unassigned.
 */
export type AddressKind = "public" | "private" | "loopback" | "link-local" | "reserved";

/** IPv4 ranges that are not public, in CIDR notation. */
const IPV4_RANGES: readonly (readonly [string, AddressKind])[] = [
  // Linux connects to this machine for 0.0.0.0.
  ["0.0.0.0/8", "loopback"],
  ["127.0.0.0/8", "loopback"],
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "private"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.0/24", "private"],
  ["192.168.0.0/16", "private"],
  // Some VPN clients give every host an address of this range.
  ["198.18.0.0/15", "private"],
  ["169.254.0.0/16", "link-local"],
  ["192.0.2.0/24", "reserved"],
  ["198.51.100.0/24", "reserved"],
  ["203.0.113.0/24", "reserved"],
  ["224.0.0.0/3", "reserved"],
];

/**
 * Returns the kind of an address. An IPv6 address that embeds an IPv4 address has the kind of the IPv4
 * address. Anything that is not an address is `reserved`.
 *
 * @param address An IPv4 or IPv6 address, without brackets.
 * @see {@link https://www.iana.org/assignments/iana-ipv4-special-registry}
 * @see {@link https://www.iana.org/assignments/iana-ipv6-special-registry}
 */
export function kindOfAddress(address: string): AddressKind {
  if (/^\d+(?:\.\d+){3}$/.test(address)) return kindOfIpv4(parseIpv4(address));
  const groups = parseIpv6(address);
  return groups === undefined ? "reserved" : kindOfIpv6(groups);
}

function kindOfIpv4(address: number): AddressKind {
  const range = IPV4_RANGES.find(([cidr]) => {
    const [start = "", prefixLength = ""] = cidr.split("/");
    const shift = 32 - Number(prefixLength);
    return address >>> shift === parseIpv4(start) >>> shift;
  });
  return range?.[1] ?? "public";
}

function kindOfIpv6(groups: readonly number[]): AddressKind {
  const [a = 0, b = 0, c = 0, , , f = 0, g = 0, h = 0] = groups;
  const isZeroUntil = (end: number): boolean => groups.slice(0, end).every((group) => group === 0);
  // ::ffff:a.b.c.d, and ::a.b.c.d, which includes :: and ::1.
  if (isZeroUntil(5) && f === 0xffff) return kindOfIpv4(joinGroups(g, h));
  if (isZeroUntil(6)) return g === 0 && h < 2 ? "loopback" : kindOfIpv4(joinGroups(g, h));
  // NAT64 and 6to4.
  if (a === 0x64 && b === 0xff9b) return c === 1 ? "private" : kindOfIpv4(joinGroups(g, h));
  if (a === 0x2002) return kindOfIpv4(joinGroups(b, c));
  if ((a & 0xfe00) === 0xfc00 || (a & 0xffc0) === 0xfec0) return "private";
  if ((a & 0xffc0) === 0xfe80) return "link-local";
  const isDocumentation = a === 0x2001 && b === 0xdb8;
  return (a & 0xe000) === 0x2000 && !isDocumentation ? "public" : "reserved";
}

function parseIpv4(address: string): number {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  return joinGroups(a * 256 + b, c * 256 + d);
}

function joinGroups(high: number, low: number): number {
  return (high * 65536 + low) >>> 0;
}

/** Returns the eight groups of an IPv6 address; a zone, as in `fe80::1%eth0`, is ignored. */
function parseIpv6(address: string): number[] | undefined {
  const host = URL.parse(`http://[${address.replace(/%.*/, "")}]`)?.hostname;
  if (host === undefined) return undefined;
  const [left = [], right] = host.slice(1, -1).split("::")
    .map((part) =>
      part.split(":").filter((group) => group !== "").map((group) => parseInt(group, 16))
    );
  if (right === undefined) return left;
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}
