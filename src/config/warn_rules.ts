import type { ConfigProblem } from "../errors.ts";
import type { Document, Path } from "./document.ts";
import { encodeKey, entriesOf, isObject, type JsonObject, type JsonValue } from "./json_value.ts";
import { nameHint } from "./name_hint.ts";
import { findNameFault, foldName, quoteName } from "./name_faults.ts";
import { compilePattern } from "../wildcards/mod.ts";

/** The servers in the servers file, as far as it can be read. */
export interface KnownServers {
  readonly names: ReadonlySet<string>;
  /** The disabled and skipped servers by name, each with the reason. */
  readonly left: ReadonlyMap<string, string>;
}

/** Warns of servers that are not configured, of names with faults, and of rules without effect. */
export function warnRules(document: Document, servers: KnownServers): ConfigProblem[] {
  const agents = objectAt(document.value, "agents");
  const isKnown = memoize((pattern) => {
    const { matches } = compilePattern(pattern);
    return [...servers.names, ...servers.left.keys()].some(matches);
  });
  return entriesOf(agents ?? {}).flatMap(([id, agent]) => {
    if (!isObject(agent)) return [];
    return [
      ...warnUnknown(document, { id, agent, servers, isKnown }),
      ...warnToolNames(document, id, agent),
      ...warnUseless(document, id, agent),
    ];
  });
}

/** Caches the results of a function: thousands of agents may name the same servers. */
function memoize<T>(compute: (text: string) => T): (text: string) => T {
  const results = new Map<string, T>();
  return (text) => {
    const known = results.get(text);
    if (known !== undefined) return known;
    const result = compute(text);
    results.set(text, result);
    return result;
  };
}

function warnUnknown(
  document: Document,
  { id, agent, servers, isKnown }: {
    readonly id: string;
    readonly agent: JsonObject;
    readonly servers: KnownServers;
    readonly isKnown: (pattern: string) => boolean;
  },
): ConfigProblem[] {
  const seen = new Set<string>();
  const warnings: ConfigProblem[] = [];
  for (const { name, path, at } of mentions(id, agent)) {
    if (servers.names.has(name) || seen.has(name)) continue;
    const message = isWildcard(name)
      ? adviseOnPattern(name, servers, isKnown)
      : adviseOnName(name, servers);
    if (message === undefined) continue;
    // One warning per agent and server, however often the agent names it.
    seen.add(name);
    warnings.push(document.problem(path, `agent ${JSON.stringify(id)} names ${message}`, at));
  }
  return warnings;
}

function adviseOnName(name: string, { names, left }: KnownServers): string {
  const why = left.get(name);
  const state = why === undefined ? "is not configured" : `is not configured (${why})`;
  const hint = why === undefined ? nameHint(name, names) : "";
  return `server ${quoteName(name)}, which ${state}; the rule is kept${hint}`;
}

function adviseOnPattern(
  pattern: string,
  { names, left }: KnownServers,
  isKnown: (pattern: string) => boolean,
): string | undefined {
  // A lone star means all servers, however many there are. Without servers nothing can match.
  if (/^[*]+$/.test(pattern) || names.size + left.size === 0 || isKnown(pattern)) return undefined;
  return `servers ${quoteName(pattern)}, which no configured server matches; the rule is kept` +
    nameHint(pattern, names);
}

/** Warns of tool names with faults that are hard to see. */
function warnToolNames(document: Document, id: string, agent: JsonObject): ConfigProblem[] {
  return (["allow", "deny"] as const).flatMap((effect) => {
    return entriesOf(objectAt(agent[effect], "tools") ?? {}).flatMap(([server, list]) => {
      return (Array.isArray(list) ? list : []).flatMap((name, index) => {
        const fault = typeof name === "string" ? findNameFault(name) : undefined;
        if (fault === undefined) return [];
        const message = `the name of this tool ${fault.what}, and names match exactly` +
          (fault.meant === "" ? "" : `: write ${quoteName(fault.meant)}`);
        return [document.problem(["agents", id, effect, "tools", server, index], message)];
      });
    });
  });
}

/** Warns of server names that rules cannot name alone, or that look like another server's name. */
export function warnServerNames(document: Document): ConfigProblem[] {
  const servers = objectAt(document.value, "mcpServers");
  const folded = new Map<string, string>();
  return entriesOf(servers ?? {}).flatMap(([name]) => {
    const twin = folded.get(foldName(name));
    folded.set(foldName(name), twin ?? name);
    const message = adviseOnServer(name, twin);
    return message === undefined ? [] : [document.problem(["mcpServers", name], message, "key")];
  });
}

function adviseOnServer(name: string, twin: string | undefined): string | undefined {
  const fault = findNameFault(name);
  if (fault !== undefined) {
    const advice = fault.meant === "" ? "rename it" : `rename it to ${quoteName(fault.meant)}`;
    return `the name of this server ${fault.what}, and names match exactly: ${advice}`;
  }
  if (isWildcard(name)) {
    return `rules cannot name this server alone, because "*" and "?" are wildcards there: rename it`;
  }
  if (twin === undefined) return undefined;
  const other = quoteName(twin);
  return twin.toLowerCase() === name.toLowerCase()
    ? `this name differs from that of server ${other} only in case: rename one of the two`
    : `this name looks like that of server ${other}: rename one of the two`;
}

interface Mention {
  readonly name: string;
  readonly path: Path;
  readonly at: "key" | "value";
}

function mentions(id: string, agent: JsonObject): Mention[] {
  return (["allow", "deny"] as const).flatMap((effect) => {
    const list = objectAt(agent, effect)?.["servers"];
    const servers = (Array.isArray(list) ? list : []).flatMap((name, index): Mention[] =>
      typeof name !== "string"
        ? []
        : [{ name, path: ["agents", id, effect, "servers", index], at: "value" }]
    );
    const tools = entriesOf(objectAt(agent[effect], "tools") ?? {}).map(([name]): Mention => ({
      name,
      path: ["agents", id, effect, "tools", name],
      at: "key",
    }));
    return [...servers, ...tools];
  });
}

/** Warns of tools of a server that `allow.servers` does not grant, unless wildcards are involved. */
function warnUseless(document: Document, id: string, agent: JsonObject): ConfigProblem[] {
  const allow = objectAt(agent, "allow");
  const list = allow?.["servers"] ?? [];
  if (!Array.isArray(list) || list.some((name) => typeof name !== "string" || isWildcard(name))) {
    return [];
  }
  return entriesOf(objectAt(allow, "tools") ?? {}).flatMap(([name]) => {
    if (isWildcard(name) || list.includes(name)) return [];
    const message = `agent ${JSON.stringify(id)} is granted tools of ${JSON.stringify(name)}, ` +
      "but not the server: name it in `allow.servers` too";
    return [document.problem(["agents", id, "allow", "tools", name], message, "key")];
  });
}

function isWildcard(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

function objectAt(value: JsonValue | undefined, key: string): JsonObject | undefined {
  const found = isObject(value) ? value[encodeKey(key)] : undefined;
  return isObject(found) ? found : undefined;
}
