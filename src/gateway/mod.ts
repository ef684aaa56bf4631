/**
 * Connects the parts: the active snapshot, the pipeline that every operation runs through, the
 * clients' sessions, and serving over stdio and HTTP. Imports all lower layers; has no rules, servers
 * or files of its own.
 *
 * @module
 */

export type { FileStatus, ReloadOptions, ReloadStatus } from "./reload.ts";
export type { ConnectedClient } from "./http/mod.ts";
export { compileRules } from "./compile_rules.ts";
export { Gateway } from "./gateway.ts";
export type {
  ConnectOptions,
  EndOptions,
  GatewayOptions,
  SharedClient,
} from "./gateway_options.ts";
export { listedOwnServer } from "./listed_own_server.ts";
export { loadDirectTools, readOfferedName } from "./offered/mod.ts";
export { serveHttp, type ServeHttpOptions } from "./serve_http.ts";
export { serveStdio } from "./serve_stdio.ts";
export { describeUnknownAgent } from "./unknown_agent.ts";
export {
  type Arguments,
  type ArgumentSchema,
  estimateTokens,
  type GatewayTool,
  gatewayTools,
  type StatusSource,
  type ToolContext,
  type ToolDefinition,
} from "./tools/mod.ts";
