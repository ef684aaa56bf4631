import type { ServerConfig } from "../config/mod.ts";
import type { Authorization } from "./authorization.ts";
import { openStdio, type StdioContext } from "./stdio_transport.ts";
import type { Transport } from "./transport.ts";

/** The context in which a connection is opened. */
export interface TransportContext extends StdioContext {
  /** Adds a token to the requests to a remote server. */
  readonly authorization?: Authorization | undefined;
}

/**
 * Opens a connection to a server over the transport that its entry names.
 *
 * @param config The server's entry.
 * @param context Log and count of processes.
 * @throws {DownstreamError} if it cannot be opened.
 */
export async function openTransport(
  config: ServerConfig,
  context: TransportContext,
): Promise<Transport> {
  const { connect } = config;
  if (connect.kind === "stdio") return openStdio(config, { ...context, connect });
  const { log, maxBytes, authorization } = context;
  // A start without remote servers loads nothing of them.
  const { openRemote } = await import("./remote/mod.ts");
  return await openRemote(config, {
    connect,
    log,
    ...(maxBytes === undefined ? {} : { maxBytes }),
    authorization,
  });
}
