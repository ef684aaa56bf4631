import { parseClientText } from "../../config/texts/mod.ts";
import { editJson, type JsonEdit } from "./edit_json.ts";
import { isRecord, type Json, type JsonRecord } from "./import_entry.ts";
import type { Access, AgentPlan } from "./plan.ts";
import { indented, type TextOptions } from "./servers_text.ts";

/** Names of tools that look as if they only read. */
const READING = [
  ...["get*", "list*", "read*", "search*", "find*", "fetch*", "describe*", "view*", "show*"],
  ...["*_get_*", "*_list_*", "*_read_*", "*_search*", "*-get-*", "*-list-*", "*-search*"],
];

/** Names of tools that look as if they destroy something. */
const DESTROYING = [
  ...["*delete*", "*remove*", "*destroy*", "*purge*", "*truncate*", "*replace*"],
  ...["drop*", "*_drop*", "*-drop*"],
];

const HEAD =
  `// Who may use what. A change counts at once, without a restart; a file with an error changes nothing.
// An agent that can edit this file can edit its permissions: keep it out of the folders where agents
// work.
`;

const AGENTS =
  `    // An agent names itself by \`agent_id\`. It sees and calls only what is allowed here; what is not
    // named, is refused. For a further agent copy a block. A server that is allowed brings all its
    // tools, unless "tools" has a list for it: "tools": { "SERVER": ["get_*", "one_tool"] }; the key
    // "*" stands for all servers. "deny" has the same shape and takes away.
`;

const DEFAULTS =
  `    // Calls that name no agent are refused. With false they count as the agent "default", or as the
    // one that GATEWAY_DEFAULT_AGENT names.
`;

/**
 * The text of the rules file.
 *
 * @param before What stands in it now; its agents stay, and get the servers that they lack.
 * @param agents Who may use what.
 * @param off Tools that were switched off in a client, by server.
 */
export function rulesText(
  before: string | undefined,
  agents: readonly AgentPlan[],
  { schema, off }: TextOptions & { readonly off: ReadonlyMap<string, readonly string[]> },
): string {
  if (before !== undefined && before.trim() !== "") {
    return editJson(before, edits(before, agents, off));
  }
  const blocks = agents.map((agent) =>
    `    ${JSON.stringify(agent.name)}: ${indented(agentRules(agent, off), 4)}`
  );
  const first = schema === undefined ? "" : `  "$schema": ${JSON.stringify(schema)},\n`;
  return `${HEAD}{\n${first}  "agents": {\n${AGENTS}${blocks.join(",\n")}\n  },\n` +
    `  "defaults": {\n${DEFAULTS}    "deny_on_missing_agent": true\n  }\n}\n`;
}

function edits(
  before: string,
  agents: readonly AgentPlan[],
  off: ReadonlyMap<string, readonly string[]>,
): JsonEdit[] {
  const known = parseClientText("", before).document?.valueAt(["agents"]);
  return agents.map((agent): JsonEdit => {
    const rules = isRecord(known) ? known[agent.name] : undefined;
    if (!isRecord(rules)) return { at: ["agents", agent.name], value: agentRules(agent, off) };
    const allow = isRecord(rules.allow) ? rules.allow : {};
    const servers = Array.isArray(allow.servers) ? allow.servers.map(String) : [];
    const lacking = servers.includes("*")
      ? []
      : agent.servers.filter((name) => !servers.includes(name));
    return { at: ["agents", agent.name, "allow", "servers"], value: [...servers, ...lacking] };
  });
}

function agentRules(
  { servers, access }: AgentPlan,
  off: ReadonlyMap<string, readonly string[]>,
): JsonRecord {
  const denied: Record<string, Json> = access === "all" ? {} : { "*": DESTROYING };
  for (const name of servers) {
    const tools = off.get(name) ?? [];
    if (tools.length > 0) denied[name] = tools;
  }
  return {
    allow: { servers, ...(access === "read" ? { tools: { "*": READING } } : {}) },
    ...(Object.keys(denied).length === 0 ? {} : { deny: { tools: denied } }),
  };
}

/** What a choice of tools means, for people. */
export const ACCESS_LABELS: Readonly<Record<Access, string>> = {
  all: "All tools of its servers",
  careful: "All but those that look destructive (delete, remove, drop, …)",
  read: "Only those that look read-only (get, list, read, search, …)",
};
