/**
 * The codecs for clients, one for each group of MCP revisions. A codec decodes requests to operations
 * and encodes outcomes. Only the session, its channel to the client and the routes over HTTP use a codec.
 * Imports the operation, the gateway's tools, `jsonrpc` and the leaves.
 *
 * @module
 */
export * as clientCodec2025 from "./client_codec_2025.ts";
