import { type Configuration, listLimitedServers } from "../config/mod.ts";
import { compilePolicy, type Policy } from "../policy/mod.ts";

/** Compiles the rules of a configuration, with the limits of its servers on results. */
export function compileRules(configuration: Pick<Configuration, "rules" | "servers">): Policy {
  return compilePolicy(configuration.rules, { limitedServers: listLimitedServers(configuration) });
}
