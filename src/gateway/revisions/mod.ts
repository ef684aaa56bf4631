/**
 * The codecs for clients, one for each group of MCP revisions. A codec decodes requests to operations
 * and encodes outcomes. Only the session and its channel to the client use a codec.
 * Imports the operation, the gateway's tools, `jsonrpc` and the leaves.
 *
 * @module
 */
export * as clientCodec2025 from "./client_codec_2025.ts";
