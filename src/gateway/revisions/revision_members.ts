import { hasEscapedKey } from "../../exact_json.ts";
import { isRecord } from "../../json.ts";
import { JsonParts, otherMembers, skipSpace, textAt } from "../../jsonrpc/mod.ts";
import { RESERVED_META, RESERVED_META_KEYS } from "../../reserved_meta.ts";
import { GATEWAY_NAME } from "./handshake.ts";

/** The members of results that are replaced. */
const REPLACED_MEMBERS = ["resultType", "ttlMs", "cacheScope", "_meta"];

/** The values of the members that only this revision has. */
export interface RevisionMembers {
  /** The parsed result of a server; `undefined` if the gateway wrote it, without members that are replaced. */
  readonly serverResult: unknown;
  /** The gateway's version. */
  readonly version: string;
  /** The time for which the client may use the result again, in milliseconds; `undefined` if it must not. */
  readonly ttlMs: number | undefined;
}

/**
 * Adds the members of the revision to a result, in front of the others. The text of a long result is not copied.
 *
 * @param json The text of the result, an object.
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching}
 */
export function withRevisionMembers(
  json: string,
  { serverResult, version, ttlMs }: RevisionMembers,
): JsonParts {
  const isReplaced = serverResult !== undefined && mayHaveReplaced(json, serverResult);
  const members = isReplaced ? otherMembers(json, REPLACED_MEMBERS) : allMembers(json);
  const meta = mergeMeta(serverInfoMember(version), isReplaced ? textAt(json, "_meta") : undefined);
  const caching = ttlMs === undefined ? "" : `,"ttlMs":${ttlMs},"cacheScope":"private"`;
  const head = `{"resultType":"complete","_meta":${meta}${caching}`;
  const parts = [head];
  for (const slice of members) parts.push(",", slice);
  parts.push("}");
  return new JsonParts(...parts);
}

/** Whether a result of a server may have one of the members that are replaced. */
function mayHaveReplaced(json: string, value: unknown): boolean {
  if (!isRecord(value) || REPLACED_MEMBERS.some((key) => Object.hasOwn(value, key))) return true;
  // The parsed value may lack a member whose key has escapes.
  return json.includes("\\u00") && hasEscapedKey(json);
}

/** Returns the members of an object as one slice; none if it is empty. */
function allMembers(json: string): string[] {
  const start = skipSpace(json, skipSpace(json, 0) + 1);
  const end = json.lastIndexOf("}");
  return start === end ? [] : [json.slice(start, end)];
}

let cachedInfo: { readonly version: string; readonly member: string } | undefined;

/** Returns the member of `_meta` that describes the gateway. */
export function serverInfoMember(version: string): string {
  if (cachedInfo?.version !== version) {
    const info = JSON.stringify({ name: GATEWAY_NAME, version });
    cachedInfo = { version, member: `"${RESERVED_META.serverInfo}":${info}` };
  }
  return cachedInfo.member;
}

/**
 * Writes a `_meta` with a member of the gateway and those of a server that are not reserved.
 *
 * @param member The text of the gateway's member.
 * @param serverMeta The text of the server's `_meta`; `undefined` if there is none.
 */
export function mergeMeta(member: string, serverMeta: string | undefined): string {
  if (serverMeta?.startsWith("{") !== true) return `{${member}}`;
  return `{${[member, ...otherMembers(serverMeta, RESERVED_META_KEYS)].join(",")}}`;
}
