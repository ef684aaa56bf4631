import type { Rules } from "../config/mod.ts";
import { compilePattern, type Policy } from "../policy/mod.ts";

/** The share of a server's tools that an agent may call, according to the rules alone. */
export type ToolShare = "all" | "some" | "none";

/** Replaces `*` to turn a pattern into a sample name: private-use characters, which no real name contains. */
const SAMPLE_TEXT = "\ue000\ue001\ue002\ue003\ue004\ue005\ue006\ue007\ue008\ue009\ue00a\ue00b";

/** Replaces `?` in a pattern. */
const SAMPLE_CHARACTER = "\ue000";

/**
 * Finds the share of a server's tools that an agent may call, without starting the server. It asks the policy about
 * one sample name for each pattern in the rules, and about a tool that no rule mentions.
 *
 * @param subject An agent that may use the server, and the server.
 */
export function findToolShare(
  { agent, server }: { readonly agent: string; readonly server: string },
  { rules, policy }: { readonly rules: Rules; readonly policy: Policy },
): ToolShare {
  const { allow, deny } = rules.agents.get(agent) ?? {};
  const patterns = [allow, deny].flatMap((grants) => [...grants?.tools ?? []])
    .filter(([key]) => compilePattern(key).matches(server)).flatMap(([, names]) => names);
  const decisions = ["*", ...patterns].map((pattern) => {
    const name = pattern.replaceAll("*", SAMPLE_TEXT).replaceAll("?", SAMPLE_CHARACTER);
    return policy.allows(agent, { kind: "tool", server, tool: name });
  });
  if (decisions.every(Boolean)) return "all";
  return decisions.some(Boolean) ? "some" : "none";
}
