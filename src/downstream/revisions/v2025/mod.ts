/**
 * The server codec of the MCP revisions from 2024-11-05 to 2025-11-25. Imports the codec's types, `config`, `jsonrpc`
 * and the leaves.
 *
 * @module
 */
import { REVISION_WITH_BATCHES } from "../../../revisions.ts";
import type { ServerCodec } from "../codec.ts";
import { CANCEL_TASK, invoke, isToolError, methodOf } from "./invocations.ts";
import { list, LISTS } from "./lists.ts";
import { INITIALIZE, INITIALIZED, open } from "./open.ts";
import { decodeLinksError, decodeNotification, decodeRequest } from "./server_messages.ts";

/**
 * The server codec of the MCP revisions from 2024-11-05 to 2025-11-25, which are equal in everything
 * that the gateway sends to servers or reads from them.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic}
 */
export const v2025: ServerCodec = {
  phases: {
    [INITIALIZE]: "open",
    [INITIALIZED]: "opened",
    "notifications/cancelled": "cancel",
    [CANCEL_TASK]: "cancel",
  },
  hasBatches: (revision) => revision === REVISION_WITH_BATCHES,
  open,
  list,
  methodOf,
  invoke,
  isToolError,
  decodeLinksError,
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
