/**
 * The transports to servers: to processes that the gateway starts, to remote servers, and to servers in
 * this process. Only this folder depends on the kind of a connection. The remote transport has its own
 * folder, `remote/`, which is loaded when it is used. The transports here pass messages on without reading
 * them. Imports `config`, `jsonrpc` and the leaves.
 *
 * @module
 */
import {
  type ConnectionConfig,
  downloadsProgram,
  type HttpConfig,
  type MemoryConfig,
  type ServerConfig,
  type StdioConfig,
} from "../../config/mod.ts";
import type { Authorization } from "../authorization.ts";
import type { LocalFinding } from "../causes/mod.ts";
import { openStdio, type StdioContext } from "./stdio_transport.ts";
import type { Transport } from "./transport.ts";

export {
  Processes,
  type ProcessGroup,
  ProcessLimitReached,
  type ProcessOwner,
} from "./processes.ts";
export { StartFailure, type StartFailureKind } from "./start_failure.ts";
export type { StdioContext } from "./stdio_transport.ts";
export type { GracePeriods, Transport } from "./transport.ts";

/** The context in which a connection is opened. */
export interface TransportContext extends StdioContext {
  /** Adds a token to the requests to a remote server. */
  readonly authorization?: Authorization | undefined;
}

/** Everything that depends on the kind of a connection to a server. */
export interface TransportKind {
  /** The value of `network.transport` in a trace. */
  readonly network: "pipe" | "tcp";
  /** The verb in log lines about data that is not a message, as in "Skipped what the server sent". */
  readonly verb: "wrote to stdout" | "sent";
  /** Whether the server's program may have to be downloaded when it is started. */
  mayDownload(): boolean;
  /** Opens a connection. */
  open(config: ServerConfig, context: TransportContext): Transport | Promise<Transport>;
  /** Finds the cause of a failure in the server's last output. */
  findCause(output: string, server: string): Promise<LocalFinding | undefined>;
}

/** Returns the kind of a connection. The type checker reports a kind that has no case here. */
export function transportKind(connection: ConnectionConfig): TransportKind {
  switch (connection.kind) {
    case "stdio":
      return stdio(connection);
    case "http":
    case "sse":
    case "auto":
      return http(connection);
    case "memory":
      return memory(connection);
  }
}

/**
 * Opens a connection to a server over the transport that its entry names.
 *
 * @param config The server's entry.
 * @param context The log, the processes, and the authorization.
 * @throws {DownstreamError} if it cannot be opened.
 */
export async function openTransport(
  config: ServerConfig,
  context: TransportContext,
): Promise<Transport> {
  return await transportKind(config.connection).open(config, context);
}

// Code that only some gateways use is imported on demand, so that the gateway starts faster.

function stdio(connection: StdioConfig): TransportKind {
  return {
    network: "pipe",
    verb: "wrote to stdout",
    mayDownload: () => downloadsProgram([connection.command, ...connection.args]),
    open: (config, context) => openStdio(config, { ...context, connection }),
    async findCause(output, name) {
      const { findLocalCause } = await import("../causes/mod.ts");
      return findLocalCause(output, { name, connection });
    },
  };
}

function http(connection: HttpConfig): TransportKind {
  return {
    ...REMOTE_OR_EMBEDDED,
    network: "tcp",
    async open(config, { log, maxBytes, memory, untilClientReads, authorization }) {
      const { openRemote } = await import("../remote/mod.ts");
      const limits = maxBytes === undefined ? {} : { maxBytes };
      return await openRemote(config, {
        connection,
        log,
        ...limits,
        memory,
        untilClientReads,
        authorization,
      });
    },
  };
}

function memory(connection: MemoryConfig): TransportKind {
  return {
    ...REMOTE_OR_EMBEDDED,
    network: "pipe",
    async open(_config, { maxBytes }) {
      const { openMemory } = await import("./memory_transport.ts");
      return openMemory(connection, maxBytes);
    },
  };
}

/** The gateway cannot read the output of a server that it did not start. */
const REMOTE_OR_EMBEDDED = {
  verb: "sent",
  mayDownload: () => false,
  findCause: () => Promise.resolve(undefined),
} as const;
