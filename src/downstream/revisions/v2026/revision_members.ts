import { type Fields, isRecord } from "../../../json.ts";
import { JsonText, otherMembers, Result, textAt, utf8Bytes } from "../../../jsonrpc/mod.ts";
import { RESERVED_META, RESERVED_META_KEYS, withoutReserved } from "../../../reserved_meta.ts";
import type { ResourceUpdate } from "../codec.ts";

/** The members of a result that only this revision has. */
const REVISION_MEMBERS = ["resultType", "ttlMs", "cacheScope"];

/**
 * Returns a result whose text lacks the members that only this revision has, and `serverInfo` in `_meta`. Everything
 * else stays as the server wrote it, including the parsed value.
 */
export function withoutRevisionMembers(result: Result): Result {
  const { value, text: { json } } = result;
  if (!isRecord(value)) return result;
  const meta = isRecord(value._meta) && Object.hasOwn(value._meta, RESERVED_META.serverInfo)
    ? otherMembers(textAt(json, "_meta") ?? "{}", [RESERVED_META.serverInfo])
    : undefined;
  if (meta === undefined && !REVISION_MEMBERS.some((key) => Object.hasOwn(value, key))) {
    return result;
  }
  const members = otherMembers(
    json,
    meta === undefined ? REVISION_MEMBERS : [...REVISION_MEMBERS, "_meta"],
  );
  if (meta !== undefined && meta.length > 0) members.push(`"_meta":{${meta.join(",")}}`);
  const body = `{${members.join(",")}}`;
  return new Result({ value, body, bytes: utf8Bytes(body) });
}

/** Returns the update of a resource without fields of `_meta` that are only about the connection to the server. */
export function withoutConnectionMeta({ uri, params }: ResourceUpdate): ResourceUpdate {
  const meta = textAt(params.json, "_meta");
  if (meta === undefined) return { uri, params };
  const members = otherMembers(params.json, ["_meta"]);
  const metaMembers = meta.startsWith("{") ? otherMembers(meta, RESERVED_META_KEYS) : [];
  if (metaMembers.length > 0) members.push(`"_meta":{${metaMembers.join(",")}}`);
  return { uri, params: new JsonText(`{${members.join(",")}}`) };
}

/** Returns the parameters of a message without fields of `_meta` that are only about the connection to the server. */
export function withoutReservedMeta(params: Fields): Fields {
  const { _meta: meta, ...others } = params;
  if (!isRecord(meta)) return params;
  const otherMeta = withoutReserved(meta);
  return Object.keys(otherMeta).length === 0 ? others : { ...others, _meta: otherMeta };
}
