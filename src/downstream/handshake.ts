import type { Forwarded } from "../config/mod.ts";
import type { CancelSignal, Peer, RpcError } from "../jsonrpc/mod.ts";
import type { ClientCapabilities } from "./caller.ts";
import { REVISIONS } from "../revisions.ts";
import { describeNewerRevision } from "./newer_revision.ts";
import { remoteFailureBehind } from "./remote_failure.ts";

/** A server's description of itself. */
export interface ServerInfo {
  /** The negotiated revision. */
  readonly revision: string;
  /** Its capabilities. */
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** Its instructions for clients, if it has any. */
  readonly instructions?: string;
  /** Its name for people, if it has one. */
  readonly title?: string;
  /** Its name for programs. */
  readonly name?: string;
}

/** Options of a handshake. */
export interface HandshakeOptions {
  /** Capabilities that are declared to the server. */
  readonly capabilities: ClientCapabilities;
  /** The gateway's version. */
  readonly version: string;
  /** Cancels the attempt. */
  readonly signal: CancelSignal;
  /** Receives the revision before anything else is sent. */
  readonly onAgreed: (revision: string) => void;
}

/** The server answered the handshake in a way that ends it; the message goes to the agent. */
export class HandshakeError extends Error {
  /** The name of the class. */
  override readonly name = "HandshakeError";
  /** The JSON-RPC error of the answer; `undefined` if the answer was not an error. */
  readonly rpc: RpcError | undefined;
  /** Whether the server speaks only revisions that are newer than those of the gateway. */
  readonly isNewer: boolean;

  /**
   * Creates the error.
   *
   * @param message Description of the failure, for the agent.
   * @param options The error of the answer, and whether the server is too new.
   */
  constructor(
    message: string,
    { rpc, isNewer = false, ...options }: ErrorOptions & {
      readonly rpc?: RpcError | undefined;
      readonly isNewer?: boolean;
    } = {},
  ) {
    super(message, options);
    this.rpc = rpc;
    this.isNewer = isNewer;
  }
}

/**
 * Negotiates the revision and the capabilities with a server.
 *
 * @param peer The connection to the server.
 * @param options The capabilities, the gateway's version, and the signal.
 * @throws {HandshakeError} if the server refuses or speaks no known revision.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#initialization}
 */
export async function initialize(
  peer: Peer,
  { capabilities, version, signal, onAgreed }: HandshakeOptions,
): Promise<ServerInfo> {
  const reply = await peer.request("initialize", {
    protocolVersion: REVISIONS[0],
    capabilities,
    clientInfo: { name: "agent-mcp-gateway", version },
  }, { signal }).catch((cause) => {
    // Over HTTP a refusal often has a status of its own, and the error in its body.
    const rpc = remoteFailureBehind(cause)?.rpc;
    const newer = rpc && describeNewerRevision(rpc);
    throw newer === undefined ? cause : new HandshakeError(newer, { rpc, isNewer: true, cause });
  });
  if (!reply.ok) {
    const { error: rpc } = reply;
    const newer = describeNewerRevision(rpc);
    const message = newer ?? `it refused to initialize: ${rpc.message} (error ${rpc.code})`;
    throw new HandshakeError(message, { rpc, isNewer: newer !== undefined });
  }
  const answer = reply.result.value;
  const { protocolVersion, capabilities: offered, instructions, serverInfo } = isRecord(answer)
    ? answer
    : {};
  const { title, name }: Record<string, unknown> = isRecord(serverInfo) ? serverInfo : {};
  if (!REVISIONS.some((revision) => revision === protocolVersion)) {
    const data = { supported: [protocolVersion] };
    const newer = describeNewerRevision({ code: 0, message: "", data });
    if (newer !== undefined) throw new HandshakeError(newer, { isNewer: true });
    throw new HandshakeError(
      `it speaks MCP revision ${JSON.stringify(protocolVersion)}, not one of ${
        REVISIONS.join(", ")
      }`,
    );
  }
  const revision = String(protocolVersion);
  onAgreed(revision);
  peer.notify("notifications/initialized");
  return {
    revision,
    capabilities: isRecord(offered) ? offered : {},
    ...(typeof instructions === "string" ? { instructions } : {}),
    ...(typeof title === "string" ? { title } : {}),
    ...(typeof name === "string" ? { name } : {}),
  };
}

/**
 * Selects the capabilities that are declared to a server: those of the calling client that are
 * forwarded.
 *
 * @param client Capabilities that the client declared.
 * @param forward Requests of the server that are forwarded to the client.
 */
export function declaredCapabilities(
  client: ClientCapabilities,
  forward: readonly Forwarded[],
): ClientCapabilities {
  const declared: Record<string, unknown> = {};
  for (const name of forward) {
    if (isRecord(client[name])) declared[name] = client[name];
  }
  return declared;
}

/** Keys of the capabilities that are declared to one server: clients with equal keys share its lists. */
export class CapabilityKeys {
  readonly #forward: readonly Forwarded[];
  readonly #known = new WeakMap<ClientCapabilities, string>();

  /** @param forward Requests of the server that are forwarded to a client. */
  constructor(forward: readonly Forwarded[]) {
    this.#forward = forward;
  }

  /** Returns the key of a client's capabilities. */
  of(capabilities: ClientCapabilities): string {
    let key = this.#known.get(capabilities);
    if (key === undefined) {
      key = JSON.stringify(declaredCapabilities(capabilities, this.#forward));
      this.#known.set(capabilities, key);
    }
    return key;
  }
}

/** Whether a JSON value is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
