/**
 * The codecs for clients, one for each group of MCP revisions. A codec decodes requests to operations
 * and encodes outcomes. Only the session, its channel to the client, and `stateless` use a codec.
 * Imports the operation, the gateway's tools, `jsonrpc` and the leaves.
 *
 * @module
 */
export * as clientCodec2025 from "./client_codec_2025.ts";
export type { ClientProgram, Introduction } from "./handshake.ts";
export type { Claim } from "./claim.ts";

/** The client codec of revision 2026-07-28. */
export type ClientCodec2026 = typeof import("./client_codec_2026.ts");

/** Loads the codec of revision 2026-07-28, which many clients never use. */
export function loadClientCodec2026(): Promise<ClientCodec2026> {
  return import("./client_codec_2026.ts");
}
