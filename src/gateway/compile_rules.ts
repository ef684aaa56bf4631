import { type Configuration, listLimitedServers } from "../config/mod.ts";
import { compilePolicy, type Policy } from "../policy/mod.ts";

/** Compiles the rules of a configuration, whose servers may limit their results. */
export function compileRules(configuration: Pick<Configuration, "rules" | "servers">): Policy {
  return compilePolicy(configuration.rules, { limitedServers: listLimitedServers(configuration) });
}
