/**
 * Opens connections to servers: to processes that the gateway starts, to remote servers, and to servers in
 * this process. The transport to remote servers is in `../remote/`, which is loaded when it is first used.
 * The transports here do not interpret messages. Imports `causes`, `config`, `jsonrpc` and the leaves.
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
import type { LocalCause } from "../causes/mod.ts";
import { openStdio, type StdioContext } from "./stdio_transport.ts";
import type { Transport } from "./transport.ts";

export {
  NO_OWNER,
  Processes,
  type ProcessGroup,
  ProcessLimitReached,
  type ProcessOwner,
} from "./processes.ts";
export { StartFailure, type StartFailureKind } from "./start_failure.ts";
export type { StdioContext } from "./stdio_transport.ts";
export type { GracePeriods, Recovery, Transport } from "./transport.ts";

/** The context in which a connection is opened. */
export interface TransportContext extends StdioContext {
  /** Adds a token to the requests to a remote server. */
  readonly authorization?: Authorization | undefined;
}

/** The properties in which the kinds of connections to servers differ. */
export interface TransportKind {
  /** The value of `network.transport` in a trace. */
  readonly network: "pipe" | "tcp";
  /** The verb in log lines about data that is not a message, as in "Skipped what the server sent". */
  readonly verb: "wrote to stdout" | "sent";
  /** Whether the server may speak the revision without sessions. */
  readonly mayBeStateless: boolean;
  /** Whether the server's program may have to be downloaded when it is started. */
  mayDownload(): boolean;
  /** Opens a connection. */
  open(config: ServerConfig, context: TransportContext): Transport | Promise<Transport>;
  /** Finds the cause of a failure in the server's last output. */
  findCause(output: string, server: string): Promise<LocalCause | undefined>;
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
      return inProcess(connection);
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
    mayBeStateless: true,
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
    ...WITHOUT_PROCESS,
    network: "tcp",
    // HTTP+SSE is older than the revision without sessions.
    mayBeStateless: connection.kind !== "sse",
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

function inProcess(connection: MemoryConfig): TransportKind {
  return {
    ...WITHOUT_PROCESS,
    network: "pipe",
    mayBeStateless: true,
    async open(_config, { maxBytes }) {
      const { openMemory } = await import("./memory_transport.ts");
      return openMemory(connection, maxBytes);
    },
  };
}

/** Properties of connections without a process: there is no program to download, and no stderr that shows a cause. */
const WITHOUT_PROCESS = {
  verb: "sent",
  mayDownload: () => false,
  findCause: () => Promise.resolve(undefined),
} as const;
