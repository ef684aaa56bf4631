import { ITEM_DECODERS } from "./item_requests.ts";
import type { RequestDecoder } from "./request.ts";
import { decodeToolCall } from "./tool_call.ts";

/** The decoders of requests that are operations, by method. */
const DECODERS: ReadonlyMap<string, RequestDecoder> = new Map([
  ["tools/call", decodeToolCall],
  ...ITEM_DECODERS,
]);

/** Returns the decoder of a method's requests; `undefined` if they are no operations. */
export function decoderOf(method: string): RequestDecoder | undefined {
  return DECODERS.get(method);
}
