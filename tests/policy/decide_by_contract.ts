import {
  type AgentGrants,
  compilePattern,
  type Decision,
  type GrantLists,
  type PolicyRules,
} from "../../src/policy/mod.ts";

/** A tool, a prompt, or a resource with all spellings of its URI. */
export type NamedItem =
  | { readonly kind: "tool" | "prompt"; readonly name: string }
  | { readonly kind: "resource"; readonly name: string; readonly spellings: readonly string[] };

/** An entry of a list of tools, resources or prompts. */
interface ItemEntry {
  readonly effect: "allow" | "deny" | "ask";
  /** The key of the list: a name of a server, or a pattern. */
  readonly key: string;
  /** A name, a URI, or a pattern. */
  readonly pattern: string;
  readonly index: number;
}

/** The gateway's own server, and its tool that a limit on results grants. */
const OWN = { server: "gateway", tool: "read_result" };

/**
 * A plain and slow implementation of the contract's section on rules: it lists, filters and sorts all
 * entries. It shares only `compilePattern` with the policy; that function has its own tests.
 */
export function decideByContract(
  rules: PolicyRules,
  { agent, server, item }: { agent: string; server: string; item: NamedItem | undefined },
): Decision {
  const path = `agents${quote(agent)}`;
  const grants = rules.agents.get(agent);
  if (grants === undefined) return deny(path);

  const isReading = server === OWN.server &&
    (item === undefined || (item.kind === "tool" && item.name === OWN.tool));
  const limit = isReading ? limitOf(rules, agent) : undefined;
  const serverDecision = decideServer(grants, { server, path, limit });
  if (item === undefined || serverDecision.effect === "deny") return serverDecision;
  const lists = `${item.kind}s` as const;

  const listEntries = (effect: ItemEntry["effect"]): ItemEntry[] =>
    [...listsOf(grants, effect)?.[lists] ?? []]
      .filter(([key]) => matches(key, server))
      .flatMap(([key, patterns]) =>
        // Conditions have an implementation of their own.
        patterns.map((pattern, index) => ({ effect, key, pattern: String(pattern), index }))
      );
  const entries = [...listEntries("allow"), ...listEntries("deny"), ...listEntries("ask")]
    .filter(({ pattern, effect }) => matchesItem(pattern, item, effect));
  for (const [effect, explicit] of rules.denyOverrides ? DENY_OVERRIDES_STEPS : STEPS) {
    const [best] = entries
      .filter((entry) => entry.effect === effect && isExplicit(entry.pattern) === explicit)
      .sort((left, right) => compareKeys(server, left.key, right.key) || left.index - right.index);
    if (best !== undefined) {
      const rule = `${path}.${effect}.${lists}${quote(best.key)}[${best.index}]`;
      return { effect, rule, errors: [] };
    }
  }

  if (limit !== undefined) return allow(limit);
  const [key] = [...grants.allow?.[lists]?.keys() ?? []]
    .filter((key) => matches(key, server))
    .sort((left, right) => compareKeys(server, left, right));
  if (key === undefined) return serverDecision;
  return deny(`${path}.allow.${lists}${quote(key)}`);
}

const STEPS = [
  ["deny", true],
  ["ask", true],
  ["allow", true],
  ["deny", false],
  ["ask", false],
  ["allow", false],
] as const;

const DENY_OVERRIDES_STEPS = [
  ["deny", true],
  ["deny", false],
  ["ask", true],
  ["ask", false],
  ["allow", true],
  ["allow", false],
] as const;

function listsOf(grants: AgentGrants, effect: ItemEntry["effect"]): GrantLists | undefined {
  return effect === "ask" ? { tools: grants.ask?.tools } : grants[effect];
}

/** Whether an entry matches: of a URI, any spelling in `deny`, and every spelling in `allow`. */
function matchesItem(pattern: string, item: NamedItem, effect: ItemEntry["effect"]): boolean {
  if (item.kind !== "resource") return matches(pattern, item.name);
  if (pattern === item.name) return true;
  const matching = item.spellings.filter((spelling) => matches(pattern, spelling));
  return effect === "deny" ? matching.length > 0 : matching.length === item.spellings.length;
}

/** Returns the path of the limit on the results of an agent. */
function limitOf({ agents, limits }: PolicyRules, agent: string): string | undefined {
  if (agents.get(agent)?.limits?.maxResultTokens !== undefined) {
    return `agents${quote(agent)}.limits.max_result_tokens`;
  }
  return limits?.maxResultTokens === undefined ? undefined : "defaults.limits.max_result_tokens";
}

function decideServer(
  grants: AgentGrants,
  { server, path, limit }: {
    readonly server: string;
    readonly path: string;
    readonly limit: string | undefined;
  },
): Decision {
  for (const effect of ["deny", "allow"] as const) {
    const index = grants[effect]?.servers?.findIndex((entry) => {
      const isNamed = effect === "deny" || server !== OWN.server || entry.includes(OWN.server);
      return isNamed && matches(entry, server);
    }) ?? -1;
    if (index >= 0) {
      return { effect, rule: `${path}.${effect}.servers[${index}]`, errors: [] };
    }
  }
  return limit === undefined ? deny(`${path}.allow.servers`) : allow(limit);
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

const allow = (rule: string): Decision => ({ effect: "allow", rule, errors: [] });
const deny = (rule: string): Decision => ({ effect: "deny", rule, errors: [] });
