import { namesOwnServer, OWN_SERVER } from "../own_server.ts";
import type { Configuration } from "./configuration.ts";
import type { AgentRules, Limits } from "./rules.ts";
import type { ServerConfig } from "./server.ts";

/** Adds the gateway's own server after those of the servers file, if the configuration uses it. */
export function addOwnServer(
  configuration: Configuration,
  ownServer: ServerConfig,
): Configuration {
  if (!usesOwnServer(configuration)) return configuration;
  const servers = new Map([...configuration.servers, [OWN_SERVER, ownServer]]);
  return { ...configuration, servers };
}

/**
 * Whether a configuration uses the gateway's own server: the rules grant it to an agent, or a limit cuts results, and it
 * serves the rest of them.
 */
export function usesOwnServer(
  { rules, servers }: Pick<Configuration, "rules" | "servers">,
): boolean {
  return limitsResults(rules.limits) || listLimitedServers({ servers }).length > 0 ||
    rules.agents.values().some(mayUseOwnServer);
}

/** Returns the names of the servers that limit their results, in the file's order. */
export function listLimitedServers({ servers }: Pick<Configuration, "servers">): string[] {
  return [...servers.values()].filter(({ options }) => options.maxResultTokens !== undefined)
    .map(({ name }) => name);
}

function mayUseOwnServer({ allow, limits }: AgentRules): boolean {
  return limitsResults(limits) || allow?.servers?.some(namesOwnServer) === true;
}

function limitsResults(limits: Limits | undefined): boolean {
  return limits?.maxResultTokens !== undefined;
}
