/**
 * The codecs for servers, one for each group of MCP revisions. A codec knows all messages of its
 * revisions on a connection to a server; nothing else in `downstream` knows a revision, except for the
 * requests that `oauth` sends without a session. To add a codec, write a folder beside `v2025`, and open it in
 * `open_server.ts`. Imports `config`, `jsonrpc` and the leaves.
 *
 * @module
 */
import type { MessageRole, ServerCodec } from "./codec.ts";
import { ROLES as ROLES_2025, v2025 } from "./v2025/mod.ts";

export { HandshakeError, WrongRevision } from "./codec.ts";
export type {
  InvocationReply,
  InvokeOptions,
  InvokingClient,
  ItemPage,
  ListOptions,
  MessageRole,
  OpenServerOptions,
  ProbeKind,
  ResourceUpdate,
  ServerCodec,
  ServerInfo,
  ServerNotification,
  ServerRequest,
} from "./codec.ts";
export { describeNewerRevision } from "./newer_revision.ts";
export { explainExcluded, type OpenedServer, openServer } from "./open_server.ts";

/** The codec that reads a server's messages until its revision is known. */
export const OLDEST_CODEC: ServerCodec = v2025;

/** The methods that have a special role in a connection; the codec of 2026-07-28 is loaded on demand. */
const ROLES: Readonly<Record<string, MessageRole>> = { ...ROLES_2025, "server/discover": "probe" };

/** Returns the special role of a method in a connection, in any revision. */
export function roleOf(method: string | undefined): MessageRole | undefined {
  return method !== undefined && Object.hasOwn(ROLES, method) ? ROLES[method] : undefined;
}
