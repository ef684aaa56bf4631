import { resolvePath } from "../../config/mod.ts";
import { checkText, parseClientText } from "../../config/editing/mod.ts";
import { formatProblem } from "../../errors.ts";
import { type ClientEdit, editJson } from "./client_text.ts";
import type { Disk } from "./disk.ts";
import { isRecord, type Json, type JsonRecord } from "./import_entry.ts";
import type { AgentPlan, PlannedServer } from "./plan.ts";

/** The absolute paths of the gateway's own files. */
export interface GatewayFiles {
  readonly servers: string;
  readonly rules: string;
}

/** Returns the paths of the gateway's own files in a folder. */
export function gatewayFiles(folder: string): GatewayFiles {
  return {
    servers: resolvePath(folder, ".mcp.json"),
    rules: resolvePath(folder, ".mcp-gateway-rules.json"),
  };
}

/** The servers and the names of the agents in the gateway's own files. */
export interface ExistingConfiguration {
  readonly servers: Readonly<Record<string, JsonRecord>>;
  readonly agents: readonly string[];
}

/** Reads the gateway's own files. If one cannot be used, prints why and returns `undefined`. */
export function readExistingConfiguration(
  files: GatewayFiles,
  { disk, printLine }: { readonly disk: Disk; readonly printLine: (line: string) => void },
): ExistingConfiguration | undefined {
  const texts = { servers: "", rules: "" };
  let isValid = true;
  for (const kind of ["servers", "rules"] as const) {
    const path = files[kind];
    if (!disk.isThere(path)) continue;
    const content = disk.read(path);
    const text = "text" in content ? content.text : "";
    const problems: string[] = [];
    if ("failure" in content) problems.push(`${path}: ${content.failure}`);
    else if (text.trim() !== "") {
      problems.push(...checkText(kind, { file: path, text }).map(formatProblem));
    }
    for (const problem of problems) printLine(problem);
    isValid &&= problems.length === 0;
    texts[kind] = text;
  }
  if (!isValid) {
    printLine("The gateway's own files have errors: fix them or move them away first");
    return undefined;
  }
  const servers = parseClientText("", texts.servers).document?.getValue(["mcpServers"]);
  return {
    servers: isRecord(servers) ? servers as ExistingConfiguration["servers"] : {},
    agents: parseClientText("", texts.rules).document?.getKeys(["agents"]) ?? [],
  };
}

/** Options of `serversText` and `rulesText`. */
export interface TextOptions {
  /** Address of the file's JSON Schema. */
  readonly schema?: string | undefined;
  /** Whether a new servers file may contain comments; default: true. */
  readonly allowsComments?: boolean;
}

const SERVERS_HEAD =
  `// The servers behind the gateway, in the format that MCP clients share. Comments and trailing
// commas are welcome here, and a change takes effect immediately, without a restart.
// - Agents choose servers by "description": one sentence each that says what the server is good for.
// - \${NAME} is taken from the environment: "env": { "API_TOKEN": "\${API_TOKEN}" } keeps a secret out
//   of this file. The program that starts the gateway must have the variable.
// - No agent can use a new server until the rules file allows it.
`;

const EXAMPLE = `    // "memory": {
    //   "description": "Remember facts about people and projects",
    //   "command": "npx",
    //   "args": ["-y", "@modelcontextprotocol/server-memory"]
    // }
`;

/**
 * Returns the new text of the servers file.
 *
 * @param before The present text, whose entries, comments and layout are kept.
 */
export function serversText(
  before: string | undefined,
  servers: readonly PlannedServer[],
  { schema, allowsComments = true }: TextOptions = {},
): string {
  if (before !== undefined && before.trim() !== "") {
    const edits = servers.map(({ name, entry }) => ({ at: ["mcpServers", name], value: entry }));
    return editJson(before, edits);
  }
  const blocks = servers.map(({ name, entry, server: { file } }) => {
    const originComment = allowsComments ? `    // From ${file.title}, ${file.displayPath}\n` : "";
    return `${originComment}    ${JSON.stringify(name)}: ${formatIndented(entry)}`;
  });
  const example = allowsComments ? EXAMPLE : "";
  const members = blocks.length > 0 ? `${blocks.join(",\n")}\n` : example;
  const list = members === "" ? "{}" : `{\n${members}  }`;
  const head = allowsComments ? SERVERS_HEAD : "";
  return `${head}{\n${schemaLine(schema)}  "mcpServers": ${list}\n}\n`;
}

/** Formats JSON, with all lines but the first indented by four columns. */
function formatIndented(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll("\n", "\n    ");
}

function schemaLine(schema: string | undefined): string {
  return schema === undefined ? "" : `  "$schema": ${JSON.stringify(schema)},\n`;
}

const RULES_HEAD =
  `// What each agent may use. A change takes effect immediately; a file with an error changes nothing.
// An agent that can edit this file can edit its permissions: keep it out of the folders where agents
// work.
`;

const AGENTS =
  `    // The gateway's flag --agent says which of these agents a client is. The agent sees and calls
    // only what is allowed here. To add an agent, copy a block. An allowed server brings all its tools,
    // unless "tools" has a list for it: "tools": { "SERVER": ["get_*", "one_tool"] }; the key "*"
    // stands for all servers. "deny" has the same shape and takes access away. A call of a tool that is
    // only in "ask" needs a person's approval: one tool's own name in "allow" is stronger than "*" in "ask".
`;

const DEFAULTS =
  `    // Calls that name no agent are refused. With false they count as the agent "default", or as the
    // one that GATEWAY_DEFAULT_AGENT names.
`;

/** Tools that were switched off in a client, by server. */
type DeniedTools = ReadonlyMap<string, readonly string[]>;

/**
 * Returns the new text of the rules file.
 *
 * @param options `before` is the present text. Its agents stay, and get the new servers.
 */
export function rulesText(
  agents: readonly AgentPlan[],
  { before, schema, deniedTools }: TextOptions & {
    readonly before: string | undefined;
    readonly deniedTools: DeniedTools;
  },
): string {
  if (before !== undefined && before.trim() !== "") {
    return editJson(before, rulesEdits(before, agents, deniedTools));
  }
  const blocks = agents.map((agent) => {
    return `    ${JSON.stringify(agent.name)}: ${formatIndented(agentRules(agent, deniedTools))}`;
  });
  const agentsText = `${AGENTS}${blocks.join(",\n")}`;
  return `${RULES_HEAD}{\n${schemaLine(schema)}  "agents": {\n${agentsText}\n  },\n` +
    `  "defaults": {\n${DEFAULTS}    "deny_on_missing_agent": true\n  }\n}\n`;
}

function rulesEdits(
  before: string,
  agents: readonly AgentPlan[],
  deniedTools: DeniedTools,
): ClientEdit[] {
  const presentAgents = parseClientText("", before).document?.getValue(["agents"]);
  return agents.flatMap((agent): ClientEdit[] => {
    const at = (...path: string[]) => ["agents", agent.name, ...path];
    const rules = isRecord(presentAgents) ? presentAgents[agent.name] : undefined;
    if (!isRecord(rules)) return [{ at: at(), value: agentRules(agent, deniedTools) }];
    const { allow, ask, deny } = rules;
    const allowedServers = new Set(
      isRecord(allow) && Array.isArray(allow.servers) ? allow.servers.map(String) : [],
    );
    const newServers = agent.servers.filter((name) => !allowedServers.has(name));
    const servers = allowedServers.has("*")
      ? [...allowedServers]
      : [...allowedServers, ...newServers];
    const toolEdits = (
      effect: "allow" | "ask" | "deny",
      grants: Json | undefined,
      toolsByServer: DeniedTools,
    ) =>
      newServers.flatMap((name) => {
        const value = toolsByServer.get(name);
        const hasEntry = isRecord(grants) && isRecord(grants.tools) &&
          Object.hasOwn(grants.tools, name);
        return value === undefined || hasEntry ? [] : [{ at: at(effect, "tools", name), value }];
      });
    return [
      { at: at("allow", "servers"), value: servers },
      ...toolEdits("allow", allow, new Map(Object.entries(agent.tools))),
      ...toolEdits("ask", ask, new Map(Object.entries(agent.asks))),
      ...toolEdits("deny", deny, deniedTools),
    ];
  });
}

function agentRules({ servers, tools, asks }: AgentPlan, deniedTools: DeniedTools): JsonRecord {
  const serverNames = new Set(servers);
  const deniedToolsOfAgent = [...deniedTools].filter(([name]) => serverNames.has(name));
  return {
    allow: { servers, ...(Object.keys(tools).length === 0 ? {} : { tools }) },
    ...(Object.keys(asks).length === 0 ? {} : { ask: { tools: asks } }),
    ...(deniedToolsOfAgent.length === 0
      ? {}
      : { deny: { tools: Object.fromEntries(deniedToolsOfAgent) } }),
  };
}
