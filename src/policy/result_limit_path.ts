import type { CompiledAgent } from "./compile.ts";
import { decideFor } from "./decide.ts";
import { formatPath } from "../json.ts";
import type { PolicyRules } from "./rules.ts";

/**
 * Finds the limit on an agent's results: its own limit, the default, or that of a server that the agent may use. It
 * lets the agent read the rest of a result that was cut.
 *
 * @returns The path of the limit; `undefined` if there is none.
 */
export function findResultLimitPath(
  agent: string,
  { rules: { agents, limits }, limitedServers, compiledGrants }: {
    readonly rules: PolicyRules;
    readonly limitedServers: readonly string[];
    readonly compiledGrants: CompiledAgent;
  },
): string | undefined {
  const toPath = (...keys: readonly string[]) => formatPath([...keys, "max_result_tokens"]);
  if (agents.get(agent)?.limits?.maxResultTokens !== undefined) {
    return toPath("agents", agent, "limits");
  }
  if (limits?.maxResultTokens !== undefined) return toPath("defaults", "limits");
  const server = limitedServers.find((name) => {
    const { effect } = decideFor(compiledGrants, { kind: "server", server: name });
    return effect === "allow" || compiledGrants.isShadowed;
  });
  return server === undefined ? undefined : toPath("mcpServers", server, "gateway");
}
