import { isRecord } from "../../json.ts";

/** Parameters of a request, or a part of them. */
export type Fields = Readonly<Record<string, unknown>>;

/** Returns the fields of an object; none for any other value. */
export function fieldsOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}
