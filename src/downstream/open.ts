import type { ConnectHttp, ServerConfig } from "../config/mod.ts";
import type { Authorization } from "./authorization.ts";
import { openRemote } from "./remote/mod.ts";
import { openStdio, type StdioSurroundings } from "./stdio_transport.ts";
import type { Transport } from "./transport.ts";

/** What a connection is opened with, besides the server's entry. */
export interface Surroundings extends StdioSurroundings {
  /** What the requests to a remote server have to bear beside its headers; default nothing. */
  readonly authorize?: (config: ServerConfig) => Authorization | undefined;
}

/**
 * Opens a connection to a server the way its entry says.
 *
 * @param config The server's entry.
 * @param surroundings Log and count of processes.
 * @throws {DownstreamError} where it cannot be opened.
 */
export async function openTransport(
  config: ServerConfig,
  surroundings: Surroundings,
): Promise<Transport> {
  const { connect } = config;
  if (connect.kind === "stdio") return openStdio(config, connect, surroundings);
  const { log, maxBytes, authorize } = surroundings;
  return await openRemote(config, connect, {
    log,
    ...(maxBytes === undefined ? {} : { maxBytes }),
    // Who gives the credentials in the configuration wants no others.
    authorization: namesAuthorization(connect) ? undefined : authorize?.(config),
  });
}

function namesAuthorization({ headers }: ConnectHttp): boolean {
  return Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
}
