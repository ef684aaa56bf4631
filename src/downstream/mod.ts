/**
 * The servers behind the gateway: starts them, speaks MCP to them, keeps their sessions and tool
 * lists, and ends all their processes. Makes no access decisions and writes no audit records. Imports
 * `config`, `jsonrpc` and the leaves.
 *
 * @module
 */

export { LoginNeedsCaller } from "./authorization.ts";
export type { Authorization, RecoverOptions, ServerAuth } from "./authorization.ts";
export type { Caller, ClientCapabilities, ClientConnection } from "./caller.ts";
export { readCapabilities } from "./declared_capabilities.ts";
export { NoiseLog, type NoiseLogOptions } from "./noise_log.ts";
export {
  createHeldBackError,
  isReadOnly,
  type Item,
  ItemList,
  LIST_KINDS,
  ListError,
  type ListKind,
  ListTimeout,
  type Tool,
} from "./catalog/mod.ts";
export type {
  ClientChannel,
  GivenInput,
  InputKind,
  InputRequest,
  InputResponse,
  NeededInput,
} from "./client_channel.ts";
export type {
  CallOptions,
  CallOutcome,
  InputNeeded,
  Invocation,
  ItemCall,
  ItemCallOptions,
  ItemRequest,
  RequestOutcome,
  SubscriptionCall,
  SubscriptionInvocation,
  ToolCall,
} from "./invocation.ts";
export { createServerAuth, type ServerAuthOptions } from "./oauth/mod.ts";
export { type AccountOptions, logIn, logOut, readLoginState } from "./oauth/mod.ts";
export type { LoginOutcome, LoginState, LogoutOutcome } from "./oauth/mod.ts";
export { type PendingOperation, PendingOperations } from "./pending_operations.ts";
export { type RemoteFailure, remoteFailureBehind, type RemoteProblem } from "./remote_failure.ts";
export { HandshakeError, type ResourceUpdate, type ServerInfo } from "./revisions/mod.ts";
export { DownstreamServer, type ServerListOptions } from "./server.ts";
export type { OpenOptions, ServerContext } from "./server_context.ts";
export { CatalogStore } from "./remembered/mod.ts";
export type { RememberedServer } from "./remembered_server.ts";
export { isPartOf } from "./subscriptions.ts";
export type { ServerStatus } from "./server_status.ts";
export type { SessionState } from "./session.ts";
export { openTransport, Processes, StartFailure, transportKind } from "./transports/mod.ts";
export type {
  GracePeriods,
  ProcessGroup,
  ProcessOwner,
  Recovery,
  StartFailureKind,
  StdioContext,
  Transport,
  TransportContext,
  TransportKind,
} from "./transports/mod.ts";
export { serverCommand } from "./server_command.ts";
export { untilAborted } from "./until_aborted.ts";
