import type { ServerConfig } from "../../config/mod.ts";
import { DownstreamError } from "../../errors.ts";
import type { DownstreamServer, Tool } from "../../downstream/mod.ts";
import type { AccessRequest } from "../../policy/mod.ts";
import { similarNames } from "../../similar_names.ts";
import type { ToolContext } from "./tool.ts";

/** Maximum number of similar names in a hint. */
const MAX_SIMILAR = 3;

/**
 * Finds a server by name. Call it only after the policy has allowed the server, so that an agent does not
 * learn which other servers exist.
 *
 * @throws {DownstreamError} `SERVER_UNAVAILABLE`: the servers file does not have the server, or the gateway does not use it.
 */
export function findServer(context: ToolContext, name: string): DownstreamServer {
  const server = context.servers.get(name);
  if (server !== undefined) return server;
  const reason = context.unavailableReasons.get(name);
  const message = `Server "${name}" is not available: ${reason ?? "it is not configured"}.`;
  const similarServers = reason === undefined
    ? similarAllowedServers(name, {
      agent: context.caller.agent,
      policy: context.policy,
      serverConfigs: context.serverConfigs,
    })
    : [];
  const suggestion = similarServers.length === 0
    ? ""
    : `Similar names: ${similarServers.join(", ")}. `;
  const hint = `${suggestion}Call list_servers to see the servers you may use`;
  // The operator has to change the configuration first.
  throw new DownstreamError("SERVER_UNAVAILABLE", name, message, { hint, retryable: false });
}

/** Returns the request to call a tool as its server lists it, while its arguments are not known. */
export function listedToolRequest(server: string, tool: Tool): AccessRequest {
  return { kind: "tool", server, tool: tool.name, listed: () => tool.definition };
}

/** The rules and the configured servers. */
export type PolicyAndConfigs = Pick<ToolContext, "policy" | "serverConfigs">;

/** Returns the servers that an agent may use, in the order of the servers file. */
export function allowedServers(
  agent: string,
  { policy, serverConfigs }: PolicyAndConfigs,
): ServerConfig[] {
  return [...serverConfigs.values()].filter(({ name }) =>
    policy.allows(agent, { kind: "server", server: name })
  );
}

/** Returns up to three names that are similar to `name`, of servers that the agent may use. */
export function similarAllowedServers(
  name: string,
  { agent, policy, serverConfigs }: PolicyAndConfigs & { readonly agent: string },
): string[] {
  // Compare the names first: most are ruled out by their lengths, which is cheaper than a decision.
  return similarNames(name, serverConfigs.keys())
    .filter((similarName) => policy.allows(agent, { kind: "server", server: similarName }))
    .slice(0, MAX_SIMILAR);
}
