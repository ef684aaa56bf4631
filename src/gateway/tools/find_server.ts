import { DownstreamError } from "../../errors.ts";
import type { DownstreamServer } from "../../downstream/mod.ts";
import type { ToolContext } from "./tool.ts";

/**
 * The server of that name. Only for a caller who may use it: others must not learn what exists.
 *
 * @throws {DownstreamError} `SERVER_UNAVAILABLE` where none is configured.
 */
export function findServer({ servers }: ToolContext, name: string): DownstreamServer {
  const server = servers.get(name);
  if (server !== undefined) return server;
  const message = `Server "${name}" is not available: it is not configured.`;
  throw new DownstreamError("SERVER_UNAVAILABLE", name, message, {
    hint: "Call list_servers to see the servers you may use",
  });
}
