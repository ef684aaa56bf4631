/**
 * The servers behind the gateway: starts them, speaks MCP to them, keeps their sessions and tool
 * lists, and ends them without a trace. Decides nothing about who may call what, and writes no
 * records. Imports `config`, `jsonrpc` and the leaves.
 *
 * @module
 */

export type {
  Caller,
  ClientCapabilities,
  ClientConnection,
  ClientLink,
  ToolCall,
} from "./caller.ts";
export { Catalog, type Tool } from "./catalog.ts";
export { openTransport } from "./open.ts";
export {
  type CallAnswer,
  DownstreamServer,
  type ServerContext,
  type ServerStatus,
} from "./server.ts";
export type { SessionState } from "./session.ts";
export type { Patience, Transport } from "./transport.ts";
