import type { ConfigProblem } from "../errors.ts";
import type { Document, Path } from "./document.ts";
import { encodeKey, entriesOf, isObject, type JsonObject, type JsonValue } from "./json_value.ts";
import { suggest } from "./suggest.ts";

/** What the servers file says, as far as it can be read. */
export interface KnownServers {
  /** The configured ones. */
  readonly names: ReadonlySet<string>;
  /** Why another entry does not count: `disabled`, or a self reference. */
  readonly left: ReadonlyMap<string, string>;
}

/** Rules that name servers which are not configured, or that never come to count. */
export function warnRules(document: Document, servers: KnownServers): ConfigProblem[] {
  const agents = objectAt(document.value, "agents");
  return entriesOf(agents ?? {}).flatMap(([id, agent]) => {
    if (!isObject(agent)) return [];
    return [
      ...warnUnknown(document, id, agent, servers),
      ...warnUseless(document, id, agent),
    ];
  });
}

function warnUnknown(
  document: Document,
  id: string,
  agent: JsonObject,
  servers: KnownServers,
): ConfigProblem[] {
  const seen = new Set<string>();
  const warnings: ConfigProblem[] = [];
  for (const { name, path, at } of mentions(id, agent)) {
    if (isWildcard(name) || servers.names.has(name) || seen.has(name)) continue;
    // One warning for an agent and a server, however often it is named.
    seen.add(name);
    const why = servers.left.get(name);
    const state = why === undefined ? "is not configured" : `is not configured (${why})`;
    const hint = why === undefined ? suggest(name, servers.names) : "";
    const message = `agent ${JSON.stringify(id)} names server ${JSON.stringify(name)}, which ` +
      `${state}; the rule stays${hint}`;
    warnings.push(document.problem(path, message, at));
  }
  return warnings;
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

/** Tools of a server that no entry of `allow.servers` can grant; only where no wildcard is in play. */
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
