/**
 * The server codec of the MCP revisions from 2024-11-05 to 2025-11-25. Imports the codec's types, what all revisions
 * share, `config`, `jsonrpc` and the leaves.
 *
 * @module
 */
import { REVISION_WITH_BATCHES } from "../../../revisions.ts";
import type { MessageRole, ServerCodec } from "../codec.ts";
import { isToolError, methodOf } from "../invocations.ts";
import { LISTS, readPage } from "../lists.ts";
import { decodeNotification } from "../notifications.ts";
import { INITIALIZE, INITIALIZED } from "./initialize.ts";
import { CANCEL_TASK, invoke } from "./invocations.ts";
import { decodeRequest, decodeUrlInputError } from "./server_messages.ts";

export { completeInitialization, initialize } from "./initialize.ts";

/** The methods of these revisions that have a special role in a connection. */
export const ROLES: Readonly<Record<string, MessageRole>> = {
  [INITIALIZE]: "open",
  [INITIALIZED]: "opened",
  "notifications/cancelled": "cancel",
  [CANCEL_TASK]: "cancel",
};

/**
 * The server codec of the MCP revisions from 2024-11-05 to 2025-11-25, which are equal in everything
 * that the gateway sends to servers or reads from them.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic}
 */
export const v2025: ServerCodec = {
  hasBatches: (revision) => revision === REVISION_WITH_BATCHES,
  async list(peer, { kind, cursor, signal }) {
    const params = cursor === undefined ? {} : { cursor };
    return readPage(kind, await peer.request(LISTS[kind].method, params, { signal }));
  },
  methodOf,
  invoke,
  isToolError,
  decodeUrlInputError,
  probe(peer, { probe, signal }) {
    return peer.request(probe === "alive" ? "ping" : LISTS.tools.method, undefined, { signal });
  },
  async setLogLevel(peer, { level, info: { hasLogging }, signal }) {
    if (!hasLogging) return;
    await peer.request("logging/setLevel", { level }, { signal });
  },
  notifyRootsChanged: (peer) => peer.notify("notifications/roots/list_changed"),
  decodeRequest,
  decodeNotification,
};
