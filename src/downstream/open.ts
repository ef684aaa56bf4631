import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import type { Log } from "../log.ts";
import { openStdio } from "./stdio_transport.ts";
import type { Transport } from "./transport.ts";

/**
 * Opens a connection to a server the way its entry says.
 *
 * @param config The server's entry.
 * @param log Takes what the server prints.
 * @throws {DownstreamError} where it cannot be opened.
 */
export function openTransport(config: ServerConfig, log: Log): Promise<Transport> {
  const { connect, name } = config;
  if (connect.kind === "stdio") return Promise.resolve(openStdio(config, connect, log));
  const message = `Server "${name}" is not available: remote servers are not supported yet.`;
  throw new DownstreamError("SERVER_UNAVAILABLE", name, message);
}
