import type { ServerConfig } from "../config/mod.ts";
import type { Authorization } from "./authorization.ts";
import { openRemote } from "./remote/mod.ts";
import { openStdio, type StdioContext } from "./stdio_transport.ts";
import type { Transport } from "./transport.ts";

/** What a connection is opened with, besides the server's entry. */
export interface TransportContext extends StdioContext {
  /** What gives the requests to a remote server what they bear beside its headers. */
  readonly authorization?: Authorization | undefined;
}

/**
 * Opens a connection to a server the way its entry says.
 *
 * @param config The server's entry.
 * @param context Log and count of processes.
 * @throws {DownstreamError} where it cannot be opened.
 */
export async function openTransport(
  config: ServerConfig,
  context: TransportContext,
): Promise<Transport> {
  const { connect } = config;
  if (connect.kind === "stdio") return openStdio(config, connect, context);
  const { log, maxBytes, authorization } = context;
  return await openRemote(config, connect, {
    log,
    ...(maxBytes === undefined ? {} : { maxBytes }),
    authorization,
  });
}
