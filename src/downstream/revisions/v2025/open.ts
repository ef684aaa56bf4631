import type { Peer } from "../../../jsonrpc/mod.ts";
import { isRecord } from "../../../json.ts";
import { REVISIONS } from "../../../revisions.ts";
import { startOfText } from "../../../text.ts";
import { remoteFailureBehind } from "../../remote_failure.ts";
import { type Fields, HandshakeError, type OpenOptions, type ServerInfo } from "../codec.ts";
import { describeNewerRevision } from "../newer_revision.ts";
import { quoteValue } from "./describe_value.ts";

/** Opens a connection. */
export const INITIALIZE = "initialize";

/** Completes the opening of a connection. */
export const INITIALIZED = "notifications/initialized";

/** Maximum length of a text with which a server describes itself, in UTF-16 code units; its session keeps the text. */
const MAX_INFO_LENGTH = 4096;

/**
 * Negotiates the revision and the capabilities with a server.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#initialization}
 */
export async function open(
  peer: Peer,
  { capabilities, version, signal, onHeaders }: OpenOptions,
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
  onHeaders({ "mcp-protocol-version": revision });
  peer.notify(INITIALIZED);
  return { revision, ...readInfo(answer) };
}

function readInfo(
  { capabilities, instructions, serverInfo }: Fields,
): Omit<ServerInfo, "revision"> {
  const declared = fieldsOf(capabilities);
  const { tools } = fieldsOf(fieldsOf(declared.tasks).requests);
  const { title, name } = fieldsOf(serverInfo);
  return {
    hasTools: "tools" in declared,
    hasResources: "resources" in declared,
    hasPrompts: "prompts" in declared,
    hasCompletions: "completions" in declared,
    canSubscribe: fieldsOf(declared.resources).subscribe === true,
    hasLogging: "logging" in declared,
    hasTasks: isRecord(fieldsOf(tools).call),
    ...(typeof instructions === "string" &&
      { instructions: startOfText(instructions, MAX_INFO_LENGTH) }),
    ...(typeof title === "string" && { title: startOfText(title, MAX_INFO_LENGTH) }),
    ...(typeof name === "string" && { name: startOfText(name, MAX_INFO_LENGTH) }),
  };
}

/** Returns an object from a message; empty if the value is not an object. */
function fieldsOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}
