import type { ServerConfig } from "../../config/mod.ts";
import { DownstreamError } from "../../errors.ts";
import type { DownstreamServer } from "../../downstream/mod.ts";
import { similarNames } from "../../similar_names.ts";
import type { ToolContext } from "./tool.ts";

/** Maximum number of similar names in a hint. */
const MAX_NEAR = 3;

/**
 * Finds a server by name. Call it only after the policy has allowed the server: others must not learn which servers exist.
 *
 * @throws {DownstreamError} `SERVER_UNAVAILABLE` if there is none, or its entry is not in use.
 */
export function findServer(context: ToolContext, name: string): DownstreamServer {
  const server = context.servers.get(name);
  if (server !== undefined) return server;
  const reason = context.unavailableReasons.get(name);
  const message = `Server "${name}" is not available: ${reason ?? "it is not configured"}.`;
  const near = reason === undefined
    ? similarServers(name, {
      agent: context.caller.agent,
      policy: context.policy,
      serverConfigs: context.serverConfigs,
    })
    : [];
  const instead = near.length === 0 ? "" : `Similar names: ${near.join(", ")}. `;
  const hint = `${instead}Call list_servers to see the servers you may use`;
  throw new DownstreamError("SERVER_UNAVAILABLE", name, message, { hint });
}

/** The rules, and the configured servers. */
export type Usable = Pick<ToolContext, "policy" | "serverConfigs">;

/** Returns the servers that an agent may use, in the order of the servers file. */
export function usableServers(agent: string, { policy, serverConfigs }: Usable): ServerConfig[] {
  return [...serverConfigs.values()].filter(({ name }) =>
    policy.allows(agent, { kind: "server", server: name })
  );
}

/** Returns up to three servers with similar names that the agent may use. */
export function similarServers(
  name: string,
  { agent, policy, serverConfigs }: Usable & { readonly agent: string },
): string[] {
  // Compare names first: lengths rule out most of them, which is cheaper than asking the policy.
  return similarNames(name, serverConfigs.keys())
    .filter((near) => policy.allows(agent, { kind: "server", server: near }))
    .slice(0, MAX_NEAR);
}
