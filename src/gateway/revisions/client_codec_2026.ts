/**
 * The client codec of MCP revision 2026-07-28, in which each request says everything about its client.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/server/tools}
 */
export { type Claim, decodeClaim } from "./claim.ts";
export { encodeDiscover } from "./discover.ts";
export { fieldsOf } from "../../json.ts";
export {
  declinesInput,
  decodeResponse,
  encodeInputRequired,
  responsesText,
} from "./input_required.ts";
export {
  decodeListen,
  encodeAcknowledged,
  encodeListChanged,
  encodeListenEnd,
  encodeUpdated,
  type ListenedChanges,
  MAX_URIS,
  subscriptionFor,
} from "./listen.ts";
export { progressTokenOf } from "./request.ts";
export { decoderOf, encodeTools } from "./stateless_operations.ts";
