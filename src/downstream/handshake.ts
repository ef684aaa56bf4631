import type { ServerConfig } from "../config/mod.ts";
import type { Peer } from "../jsonrpc/mod.ts";
import { withDeadline } from "../within.ts";
import type { ClientCapabilities } from "./caller.ts";
import type { RevisionFinding } from "./known_revision.ts";
import {
  explainExcluded,
  type OpenedServer,
  openServer,
  type OpenServerOptions,
} from "./revisions/mod.ts";
import { type Transport, transportKind } from "./transports/mod.ts";

/** Options of a handshake. */
export interface HandshakeOptions
  extends Pick<OpenServerOptions, "version" | "onListsChanged" | "onResourceUpdated"> {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** The connection. */
  readonly transport: Transport;
  /** The capabilities that are declared to the server. */
  readonly declared: ClientCapabilities;
  /** The revision that the server is known to speak; `undefined` if it has to be probed. */
  readonly known: RevisionFinding | undefined;
}

/**
 * Opens a server on a connection, within the time that its entry gives it to start.
 *
 * @throws {HandshakeError} The server refuses, or speaks no known revision.
 * @throws {WrongRevision} The server has to be opened on another connection.
 */
export function performHandshake(
  peer: Peer,
  { config, transport, declared, known, version, onListsChanged, onResourceUpdated }:
    HandshakeOptions,
): Promise<OpenedServer> {
  const { name: server, options: { connectTimeoutMs, protocol = "auto" }, connection } = config;
  const { mayBeStateless, network } = transportKind(connection);
  return withDeadline(connectTimeoutMs, (signal) => {
    return openServer(peer, {
      capabilities: declared,
      version,
      signal,
      timeoutMs: connectTimeoutMs,
      onHeaders: (headers) => transport.setHeaders?.(headers),
      server,
      protocol: mayBeStateless ? protocol : "legacy",
      knownRevision: known?.revision,
      isHttp: network === "tcp",
      onListsChanged,
      onResourceUpdated,
    });
  }).catch((cause) => {
    throw protocol === "legacy" ? explainExcluded(cause) : cause;
  });
}
