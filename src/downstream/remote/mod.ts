/**
 * Servers that are reached over HTTP: the two transports of MCP, on top of the SDK's. Entered by
 * `openRemote` alone, and only where such a server is configured.
 *
 * @module
 */

export { openRemote, type RemoteSurroundings } from "./open_remote.ts";
