/**
 * The keys of `_meta` that revision 2026-07-28 of MCP reserves for the two ends of one connection. Imports `json.ts`.
 *
 * @module
 */
import { isRecord } from "./json.ts";

/**
 * The reserved keys of `_meta`.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic}
 */
export const RESERVED_META = {
  protocolVersion: "io.modelcontextprotocol/protocolVersion",
  clientCapabilities: "io.modelcontextprotocol/clientCapabilities",
  clientInfo: "io.modelcontextprotocol/clientInfo",
  logLevel: "io.modelcontextprotocol/logLevel",
  subscriptionId: "io.modelcontextprotocol/subscriptionId",
  serverInfo: "io.modelcontextprotocol/serverInfo",
} as const;

/** All reserved keys. */
export const RESERVED_META_KEYS: readonly string[] = Object.values(RESERVED_META);

const RESERVED: ReadonlySet<string> = new Set(RESERVED_META_KEYS);

/** Whether a key of `_meta` is reserved. */
export function isReserved(key: string): boolean {
  return RESERVED.has(key);
}

/** Returns `_meta` without the reserved keys, which say something about one connection only. */
export function withoutReserved(
  meta: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const keys = Object.keys(meta);
  const others = keys.filter((key) => !RESERVED.has(key));
  return others.length === keys.length
    ? meta
    : Object.fromEntries(others.map((key) => [key, meta[key]]));
}

/**
 * Returns the revision that a message without a session claims to be of. The value is not checked, and may be of any
 * type; `undefined` if the message claims none.
 */
export function claimedRevisionOf(params: unknown): unknown {
  const meta = isRecord(params) ? params._meta : undefined;
  return isRecord(meta) ? meta[RESERVED_META.protocolVersion] : undefined;
}
