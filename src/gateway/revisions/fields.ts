/** Parameters of a request, or a part of them. */
export type Fields = Readonly<Record<string, unknown>>;

export { fieldsOf } from "../../json.ts";
