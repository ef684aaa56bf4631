import { parseClientText } from "../../config/editing/mod.ts";
import { editJson, type JsonEdit } from "./edit_json.ts";
import { isRecord, type Json, type JsonRecord } from "./import_entry.ts";
import type { AgentPlan } from "./plan.ts";
import { indented, type TextOptions } from "./servers_text.ts";

const HEAD =
  `// What each agent may use. A change takes effect immediately; a file with an error changes nothing.
// An agent that can edit this file can edit its permissions: keep it out of the folders where agents
// work.
`;

const AGENTS =
  `    // The gateway's flag --agent says which of these agents a client is. The agent sees and calls
    // only what is allowed here. To add an agent, copy a block. An allowed server brings all its tools,
    // unless "tools" has a list for it: "tools": { "SERVER": ["get_*", "one_tool"] }; the key "*"
    // stands for all servers. "deny" has the same shape and takes access away.
`;

const DEFAULTS =
  `    // Calls that name no agent are refused. With false they count as the agent "default", or as the
    // one that GATEWAY_DEFAULT_AGENT names.
`;

/**
 * The text of the rules file.
 *
 * @param agents The agents with the servers and tools that they may use.
 * @param options `before` is the present text: its agents stay, and get the servers that they lack.
 * `off` has the tools that were switched off in a client, by server.
 */
export function rulesText(
  agents: readonly AgentPlan[],
  { before, schema, off }: TextOptions & {
    readonly before: string | undefined;
    readonly off: ReadonlyMap<string, readonly string[]>;
  },
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
  return agents.flatMap((agent): JsonEdit[] => {
    const rules = isRecord(known) ? known[agent.name] : undefined;
    if (!isRecord(rules)) return [{ at: ["agents", agent.name], value: agentRules(agent, off) }];
    const allow = isRecord(rules.allow) ? rules.allow : {};
    const deny = isRecord(rules.deny) ? rules.deny : {};
    const servers = Array.isArray(allow.servers) ? allow.servers.map(String) : [];
    const added = agent.servers.filter((name) => !servers.includes(name));
    const at = (...path: string[]) => ["agents", agent.name, ...path];
    const lacking = servers.includes("*") ? [] : added;
    const edits: JsonEdit[] = [
      { at: at("allow", "servers"), value: [...servers, ...lacking] },
    ];
    for (const name of added) {
      const only = agent.tools[name];
      if (only !== undefined && !hasKey(allow.tools, name)) {
        edits.push({ at: at("allow", "tools", name), value: only });
      }
      const denied = off.get(name) ?? [];
      if (denied.length > 0 && !hasKey(deny.tools, name)) {
        edits.push({ at: at("deny", "tools", name), value: denied });
      }
    }
    return edits;
  });
}

function hasKey(value: Json | undefined, key: string): boolean {
  return isRecord(value) && Object.hasOwn(value, key);
}

function agentRules(
  { servers, tools }: AgentPlan,
  off: ReadonlyMap<string, readonly string[]>,
): JsonRecord {
  const denied = servers.flatMap((name) => {
    const names = off.get(name) ?? [];
    return names.length > 0 ? [[name, names] as const] : [];
  });
  return {
    allow: { servers, ...(Object.keys(tools).length === 0 ? {} : { tools }) },
    ...(denied.length === 0 ? {} : { deny: { tools: Object.fromEntries(denied) } }),
  };
}
