import { JsonText, type Payload } from "../../jsonrpc/mod.ts";
import type { ShownTools } from "../list_tools.ts";

/** Encodes the answer to `tools/list`. */
export function encodeTools({ own, direct }: ShownTools): Payload {
  if (direct === undefined) return { tools: own };
  const { definitions, nextCursor } = direct;
  const tools = [...own.map((tool) => JSON.stringify(tool)), ...definitions].join(",");
  const cursorMember = nextCursor === undefined
    ? ""
    : `,"nextCursor":${JSON.stringify(nextCursor)}`;
  return new JsonText(`{"tools":[${tools}]${cursorMember}}`);
}
