import type { Rules } from "../config/mod.ts";
import { compilePattern, type Policy } from "../policy/mod.ts";

/** How many tools of a server an agent may call, as far as the rules alone say it. */
export type ToolShare = "all" | "some" | "none";

/** Stands for `*` in a name that no pattern means, in characters that no tool uses. */
const ANY_TEXT = "\ue000\ue001\ue002\ue003\ue004\ue005\ue006\ue007\ue008\ue009\ue00a\ue00b";

/** Stands for `?`. */
const ANY_CHARACTER = "\ue000";

/**
 * Says how many tools of a server an agent may call. Servers are not started for it: the rules are
 * asked about one name for each of their patterns, and about a tool that they do not mention.
 *
 * @param agent An agent that may use the server.
 * @param server The server.
 * @param rules The rules, and the policy that was made from them.
 */
export function findToolShare(
  agent: string,
  server: string,
  { rules, policy }: { readonly rules: Rules; readonly policy: Policy },
): ToolShare {
  const { allow, deny } = rules.agents.get(agent) ?? {};
  const patterns = [allow, deny].flatMap((grants) => [...grants?.tools ?? []])
    .filter(([key]) => compilePattern(key).matches(server)).flatMap(([, names]) => names);
  const decisions = ["*", ...patterns].map((pattern) => {
    const name = pattern.replaceAll("*", ANY_TEXT).replaceAll("?", ANY_CHARACTER);
    return policy.decideTool(agent, server, name).allowed;
  });
  if (decisions.every(Boolean)) return "all";
  return decisions.some(Boolean) ? "some" : "none";
}
