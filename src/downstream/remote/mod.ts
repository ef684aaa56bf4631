/**
 * Servers that are reached over HTTP: a client of Streamable HTTP (revisions 2025-03-26 to 2025-11-25)
 * and a client of HTTP+SSE (2024-11-05), on `fetch`. The clients transport messages, which the codecs write
 * and read. Tokens come from `Authorization`; the OAuth functions and the SDK behind them are not loaded here.
 *
 * @module
 */

export { openRemote, type RemoteContext } from "./open_remote.ts";
