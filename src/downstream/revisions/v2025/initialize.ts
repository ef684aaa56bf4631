import { fieldsOf } from "../../../json.ts";
import type { Peer } from "../../../jsonrpc/mod.ts";
import { REVISIONS } from "../../../revisions.ts";
import { remoteFailureBehind } from "../../remote_failure.ts";
import { HandshakeError, type OpenServerOptions, type ServerInfo } from "../codec.ts";
import { quoteValue } from "../describe_value.ts";
import { describeNewerRevision } from "../newer_revision.ts";
import { readInfo } from "../server_info.ts";

/** Opens a connection. */
export const INITIALIZE = "initialize";

/** Completes the opening of a connection. */
export const INITIALIZED = "notifications/initialized";

/**
 * Negotiates the revision and the capabilities with a server. `completeInitialization` has to be called next.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#initialization}
 * @throws {HandshakeError} The server refuses, or answers with no revision that is known.
 */
export async function initialize(
  peer: Peer,
  { capabilities, version, signal }: OpenServerOptions,
): Promise<ServerInfo> {
  const reply = await peer.request(INITIALIZE, {
    protocolVersion: REVISIONS[0],
    capabilities,
    clientInfo: { name: "agent-mcp-gateway", version },
  }, { signal }).catch((cause) => {
    // Over HTTP, a refusal often has an error status, and the JSON-RPC error in the body.
    const rpcError = remoteFailureBehind(cause)?.rpcError;
    const newerClause = rpcError && describeNewerRevision(rpcError);
    if (newerClause === undefined) throw cause;
    throw new HandshakeError(newerClause, { rpcError, isNewer: true, cause });
  });
  if (!reply.ok) {
    const { error: rpcError } = reply;
    const newerClause = describeNewerRevision(rpcError);
    const message = newerClause ??
      `it refused to initialize: ${rpcError.message} (error ${rpcError.code})`;
    throw new HandshakeError(message, { rpcError, isNewer: newerClause !== undefined });
  }
  const answer = fieldsOf(reply.result.value);
  const { protocolVersion } = answer;
  const revision = REVISIONS.find((known) => known === protocolVersion);
  if (revision === undefined) {
    const data = { supported: [protocolVersion] };
    const newerClause = describeNewerRevision({ code: 0, message: "", data });
    if (newerClause !== undefined) throw new HandshakeError(newerClause, { isNewer: true });
    throw new HandshakeError(
      `it speaks MCP revision ${quoteValue(protocolVersion)}, not one of ${REVISIONS.join(", ")}`,
    );
  }
  return { revision, ...readInfo(answer) };
}

/** Completes the negotiation. */
export function completeInitialization(
  peer: Peer,
  { info, onHeaders }: { readonly info: ServerInfo } & Pick<OpenServerOptions, "onHeaders">,
): void {
  onHeaders({ "mcp-protocol-version": info.revision });
  peer.notify(INITIALIZED);
}
