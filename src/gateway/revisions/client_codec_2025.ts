/**
 * The client codec of the MCP revisions from 2024-11-05 to 2025-11-25, which are equal in everything
 * that the gateway decodes or encodes.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/server/tools}
 */
export { fieldsOf } from "../../json.ts";
export { decodeInitialize, encodeInitialize } from "./handshake.ts";
export { canAsk, decodeInputReply, encodeInputRequest } from "./input.ts";
export { decoderOf } from "./operations.ts";
export type { Answer, DecodingContext, RequestDecoder } from "./request.ts";
export { LIMIT_EXCEEDED } from "./rpc_operation.ts";
export { encodeTools } from "./tool_list.ts";
