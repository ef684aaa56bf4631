import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import { openStdio, type Surroundings } from "./stdio_transport.ts";
import type { Transport } from "./transport.ts";

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
  const { connect, name } = config;
  if (connect.kind === "stdio") return openStdio(config, connect, surroundings);
  const message = `Server "${name}" is not available: remote servers are not supported yet.`;
  throw new DownstreamError("SERVER_UNAVAILABLE", name, message);
}
