import { JsonText, type Payload } from "../../jsonrpc/mod.ts";
import type { ShownTools } from "../list_tools.ts";
import { completeResult } from "./complete_result.ts";
import { LIST_TTL_MS } from "./stateless_operations.ts";
import { encodeTools as encodeEarlier } from "./tool_list.ts";

/** Time for which a client may use the list of the gateway's own tools, in milliseconds: a reload may change it. */
const OWN_TTL_MS = 60_000;

/** Encodes the answer to `tools/list`. */
export function encodeTools(tools: ShownTools, version: string): Payload {
  const result = encodeEarlier(tools);
  const json = result instanceof JsonText ? result.json : JSON.stringify(result);
  const ttlMs = tools.direct === undefined ? OWN_TTL_MS : LIST_TTL_MS;
  return completeResult(json, { value: undefined, version, ttlMs });
}
