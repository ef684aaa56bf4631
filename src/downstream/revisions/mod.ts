/**
 * The codecs for servers, one for each group of MCP revisions. A codec knows all messages of its
 * revisions on a connection to a server; nothing else in `downstream` knows a revision, except for the
 * requests that `oauth` sends without a session. To add a codec, write a folder beside `v2025` and add a
 * line to `CODECS`. Imports `config`, `jsonrpc` and the leaves.
 *
 * @module
 */
import type { Peer } from "../../jsonrpc/mod.ts";
import {
  HandshakeError,
  type OpenOptions,
  type Phase,
  type ServerCodec,
  type ServerInfo,
} from "./codec.ts";
import { v2025 } from "./v2025/mod.ts";

export { HandshakeError } from "./codec.ts";
export type {
  Fields,
  InvokeOptions,
  ItemPage,
  ListOptions,
  OpenOptions,
  Phase,
  ProbeKind,
  ResourceUpdate,
  ServerCodec,
  ServerInfo,
  ServerNotification,
  ServerRequest,
} from "./codec.ts";
export { describeNewerRevision } from "./newer_revision.ts";

/** The codecs, newest first. A server is opened with the first one whose revisions it speaks. */
const CODECS: readonly ServerCodec[] = [v2025];

/** The codec that reads a server's messages until its revision is known. */
export const OLDEST_CODEC: ServerCodec = v2025;

/** A server that has been opened, and the codec of its revision. */
export interface OpenedServer {
  /** The codec. */
  readonly codec: ServerCodec;
  /** The server's description of itself. */
  readonly info: ServerInfo;
}

/**
 * Negotiates the revision and the capabilities with a server.
 *
 * @throws {HandshakeError} The server refuses, or speaks no known revision.
 */
export async function openServer(peer: Peer, options: OpenOptions): Promise<OpenedServer> {
  for (const codec of CODECS) {
    const info = await codec.open(peer, options);
    if (info !== undefined) return { codec, info };
  }
  throw new HandshakeError("it speaks no revision of MCP that this gateway knows");
}

/** Returns the special role of a method in a connection, in any revision. */
export function phaseOf(method: string | undefined): Phase | undefined {
  if (method === undefined) return undefined;
  const codec = CODECS.find(({ phases }) => Object.hasOwn(phases, method));
  return codec?.phases[method];
}
