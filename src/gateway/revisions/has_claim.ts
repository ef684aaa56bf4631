import { isRecord } from "../../json.ts";
import { RESERVED_META } from "../../reserved_meta.ts";

/**
 * Whether a request claims, rightly or not, to belong to a revision without sessions. Apart from the codec of that
 * revision, because every request is examined.
 */
export function hasClaim(params: unknown): boolean {
  const meta = isRecord(params) ? params._meta : undefined;
  return isRecord(meta) && Object.hasOwn(meta, RESERVED_META.protocolVersion);
}
