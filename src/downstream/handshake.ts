import type { Forwarded } from "../config/mod.ts";
import type { CancelSignal, Peer } from "../jsonrpc/mod.ts";
import type { ClientCapabilities } from "./caller.ts";

/** The revisions of MCP that are spoken with servers, the newest first. */
export const REVISIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const;

/** What a server said of itself. */
export interface ServerFacts {
  /** The revision that is spoken. */
  readonly revision: string;
  /** What it can do. */
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** How it introduces itself, where it says anything. */
  readonly instructions?: string;
  /** Its name for people, where it has one. */
  readonly title?: string;
}

/** How hands are shaken. */
export interface HandshakeOptions {
  /** The gateway's version. */
  readonly version: string;
  /** Ends the attempt. */
  readonly signal: CancelSignal;
  /** Takes the revision before anything else is sent. */
  readonly onAgreed: (revision: string) => void;
}

/** The server answered the handshake in a way that ends it; the message goes to the agent. */
export class HandshakeError extends Error {
  /** Tells this class from others. */
  override readonly name = "HandshakeError";
}

/**
 * Agrees with a server on revision and capabilities.
 *
 * @param peer The way to the server.
 * @param capabilities What is declared to it.
 * @param options The gateway's version, and what ends the attempt.
 * @throws {HandshakeError} where the server refuses or speaks no known revision.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#initialization}
 */
export async function shakeHands(
  peer: Peer,
  capabilities: ClientCapabilities,
  options: HandshakeOptions,
): Promise<ServerFacts> {
  const reply = await peer.request("initialize", {
    protocolVersion: REVISIONS[0],
    capabilities,
    clientInfo: { name: "agent-mcp-gateway", version: options.version },
  }, { signal: options.signal });
  if (!reply.ok) throw new HandshakeError(`it refused to initialize: ${reply.error.message}`);
  const answer = reply.result.value;
  const { protocolVersion, capabilities: offered, instructions, serverInfo } = isRecord(answer)
    ? answer
    : {};
  const title = isRecord(serverInfo) ? serverInfo.title : undefined;
  if (!REVISIONS.some((revision) => revision === protocolVersion)) {
    throw new HandshakeError(
      `it speaks MCP revision ${JSON.stringify(protocolVersion)}, not one of ${
        REVISIONS.join(", ")
      }`,
    );
  }
  const revision = String(protocolVersion);
  options.onAgreed(revision);
  peer.notify("notifications/initialized");
  return {
    revision,
    capabilities: isRecord(offered) ? offered : {},
    ...(typeof instructions === "string" ? { instructions } : {}),
    ...(typeof title === "string" ? { title } : {}),
  };
}

/**
 * What is declared to a server: of what the calling client can do, the part that is forwarded.
 *
 * @param client What the client declared.
 * @param forward Which requests of the server may reach the client.
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

/** Whether a JSON value is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
