import {
  type AgentGrants,
  compilePattern,
  type Decision,
  type PolicyRules,
} from "../../src/policy/mod.ts";

interface Entry {
  readonly effect: "allow" | "deny";
  readonly key: string;
  readonly entry: string;
  readonly index: number;
}

/**
 * A plain and slow implementation of the contract's section on rules: every entry is listed, filtered
 * and sorted. It shares only the patterns with the policy; their own tests define them.
 */
export function decideByContract(
  rules: PolicyRules,
  { agent, server, tool }: { agent: string; server: string; tool: string | undefined },
): Decision {
  const path = `agents${quote(agent)}`;
  const grants = rules.agents.get(agent);
  if (grants === undefined) return deny(path);

  const aboutServer = decideServer(grants, server, path);
  if (tool === undefined || aboutServer.effect === "deny") return aboutServer;

  const matching = (effect: Entry["effect"]) =>
    [...grants[effect]?.tools ?? []]
      .filter(([key]) => matches(key, server))
      .flatMap(([key, entries]) => entries.map((entry, index) => ({ effect, key, entry, index })));
  const entries = [...matching("allow"), ...matching("deny")]
    .filter(({ entry }) => matches(entry, tool));
  const steps = [["deny", true], ["allow", true], ["deny", false], ["allow", false]] as const;
  const order = rules.denyOverrides ? [0, 2, 1, 3] as const : [0, 1, 2, 3] as const;
  for (const position of order) {
    const [effect, explicit] = steps[position];
    const [best] = entries
      .filter((entry) => entry.effect === effect && isExplicit(entry.entry) === explicit)
      .sort((left, right) => compareKeys(server, left.key, right.key) || left.index - right.index);
    if (best !== undefined) {
      const rule = `${path}.${effect}.tools${quote(best.key)}[${best.index}]`;
      return { effect, rule, errors: [] };
    }
  }

  const [key] = [...grants.allow?.tools?.keys() ?? []]
    .filter((key) => matches(key, server))
    .sort((left, right) => compareKeys(server, left, right));
  if (key === undefined) return aboutServer;
  return deny(`${path}.allow.tools${quote(key)}`);
}

function decideServer(grants: AgentGrants, server: string, path: string): Decision {
  for (const effect of ["deny", "allow"] as const) {
    const index = grants[effect]?.servers?.findIndex((entry) => matches(entry, server)) ?? -1;
    if (index >= 0) {
      return { effect, rule: `${path}.${effect}.servers[${index}]`, errors: [] };
    }
  }
  return deny(`${path}.allow.servers`);
}

/** Orders keys for a server: the exact key first, then longer keys, then by code points. */
function compareKeys(server: string, left: string, right: string): number {
  const exact = Number(right === server) - Number(left === server);
  const [leftPoints, rightPoints] = [left, right].map((key) =>
    Array.from(key, (character) => character.codePointAt(0) ?? 0)
  ) as [number[], number[]];
  const longest = rightPoints.length - leftPoints.length;
  const order = leftPoints.map((point, index) => point - (rightPoints[index] ?? 0))
    .find((difference) => difference !== 0);
  return exact || longest || order || 0;
}

const isExplicit = (pattern: string) => !pattern.includes("*") && !pattern.includes("?");
const matches = (pattern: string, name: string) => compilePattern(pattern).matches(name);
const quote = (part: string) => /^[\w-]+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`;

const deny = (rule: string): Decision => ({ effect: "deny", rule, errors: [] });
