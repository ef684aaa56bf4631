import type { ServerConfig } from "../../config/mod.ts";
import { DownstreamError } from "../../errors.ts";
import type { DownstreamServer } from "../../downstream/mod.ts";
import { nearNames } from "../../near_names.ts";
import type { ToolContext } from "./tool.ts";

/** How many near names a hint has at most. */
const MAX_NEAR = 3;

/**
 * The server of that name. Only for an agent that may use it: others must not learn what exists.
 *
 * @throws {DownstreamError} `SERVER_UNAVAILABLE` where there is none, or its entry is not in use.
 */
export function findServer(context: ToolContext, name: string): DownstreamServer {
  const server = context.servers.get(name);
  if (server !== undefined) return server;
  const reason = context.unused.get(name);
  const message = `Server "${name}" is not available: ${reason ?? "it is not configured"}.`;
  const near = reason === undefined ? nearServers(context.caller.agent, name, context) : [];
  const instead = near.length === 0 ? "" : `Near names: ${near.join(", ")}. `;
  const hint = `${instead}Call list_servers to see the servers you may use`;
  throw new DownstreamError("SERVER_UNAVAILABLE", name, message, { hint });
}

/** The rules, and the servers that there are. */
export type Usable = Pick<ToolContext, "policy" | "entries">;

/** The servers that an agent may use, in the file's order. */
export function usableServers(agent: string, { policy, entries }: Usable): ServerConfig[] {
  return [...entries.values()].filter(({ name }) =>
    policy.allows(agent, { kind: "server", server: name })
  );
}

/** Up to three servers that an agent may have meant, among those that it may use. */
export function nearServers(agent: string, name: string, { policy, entries }: Usable): string[] {
  // Nearly all names are told apart by their lengths, which is quicker than to ask the rules.
  return nearNames(name, entries.keys())
    .filter((near) => policy.allows(agent, { kind: "server", server: near }))
    .slice(0, MAX_NEAR);
}
