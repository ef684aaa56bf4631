import { isRecord } from "../../../json.ts";
import { otherMembers, Result, textAt, utf8Bytes } from "../../../jsonrpc/mod.ts";
import { RESERVED_META } from "../../../reserved_meta.ts";

/** The members of a result that only this revision has. */
const MEMBERS = ["resultType", "ttlMs", "cacheScope"];

/** Returns a result without what only this revision has; all else stays as the server wrote it. */
export function toNeutral(result: Result): Result {
  const { value, text: { json } } = result;
  if (!isRecord(value)) return result;
  const meta = isRecord(value._meta) && Object.hasOwn(value._meta, RESERVED_META.serverInfo)
    ? otherMembers(textAt(json, "_meta") ?? "{}", [RESERVED_META.serverInfo])
    : undefined;
  if (meta === undefined && !MEMBERS.some((key) => Object.hasOwn(value, key))) return result;
  const members = otherMembers(json, meta === undefined ? MEMBERS : [...MEMBERS, "_meta"]);
  if (meta !== undefined && meta.length > 0) members.push(`"_meta":{${meta.join(",")}}`);
  const body = `{${members.join(",")}}`;
  return new Result({ value, body, bytes: utf8Bytes(body) });
}
