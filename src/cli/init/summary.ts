import type { ChangeOptions } from "./changes.ts";
import { gatewayEntry } from "./client_entry.ts";
import { nested } from "./client_text.ts";
import { type ClientId, clientList, clientTitle } from "./clients.ts";
import { GATEWAY_NAME, showPath } from "./find_servers.ts";
import type { JsonRecord } from "./import_entry.ts";
import type { OwnFiles } from "./own_files.ts";
import { agentFor, type Plan } from "./plan.ts";
import type { WrittenFile } from "./write_files.ts";

/** Text to paste into an agent's instructions, for clients that do not show a server's own. */
const AGENT_PROMPT = `## Tools from other MCP servers

The MCP server \`${GATEWAY_NAME}\` stands in front of all others. Its rules decide what you may use.

1. Call \`list_servers\` to see which servers you may use.
2. Call \`get_server_tools\` with a \`server\` to see its tools. A long list comes as signatures; ask
   again with \`names\` for the full schemas of the few that you need.
3. Call \`execute_tool\` with \`server\`, \`tool\` and \`args\` (an object).
4. On \`DENIED_BY_POLICY\` do not try another way around: tell the user which tool you would need.
`;

/** The result of `init`, for the texts about it. */
export interface SummaryOptions {
  readonly written: readonly WrittenFile[];
  readonly files: OwnFiles;
  /** The clients that are installed. */
  readonly clients: readonly ClientId[];
  /** Those of them that have the gateway's entry already. */
  readonly ready: readonly ClientId[];
  /** Number of servers that the gateway had before. */
  readonly kept: number;
  readonly home: string;
}

/** Lists the files that were written. */
export function writtenText(
  plan: Plan,
  { written, files, home }: Pick<SummaryOptions, "written" | "files" | "home">,
): string {
  const lines = [written.length === 0 ? "Nothing has changed" : "Written:"];
  for (const { path, backup } of written) {
    const client = plan.clients.find(({ file }) => file.path === path)?.file;
    const content = path === files.servers
      ? "the servers"
      : path === files.rules
      ? `agents: ${plan.agents.map(({ name }) => name).join(", ")}`
      : `${client?.title}, agent ${agentFor(plan, client?.client)}`;
    lines.push(`  ${showPath(path, home)} (${content})`);
    if (backup !== undefined) lines.push(`    before: ${showPath(backup, home)}`);
  }
  return lines.join("\n");
}

/**
 * Returns the text to paste: a prompt, and an entry for each format of the clients that have none.
 *
 * @param options The clients that have no entry, whether no client is installed, and the options of
 * `planChanges`.
 * @returns Empty if every client has an entry.
 */
export async function pasteText(
  plan: Plan,
  { clients, isNone, changes }: {
    readonly clients: readonly ClientId[];
    readonly isNone: boolean;
    readonly changes: ChangeOptions;
  },
): Promise<string> {
  const written = new Set(plan.clients.map(({ file }) => file.client));
  const shown = clients.filter((one) => !written.has(one));
  if (shown.length === 0 && !isNone) return "";
  const parts = [
    `# Prompt for the agent, if the client does not show instructions\n\n${AGENT_PROMPT}`,
  ];
  const others = plan.agents.slice(1).map(({ name }) => name);
  if (isNone && others.length > 0) {
    parts.push(`# Other agents\n\nThe entry below with --agent ${others.join(" or --agent ")}\n`);
  }
  const entryBlock = async (client: ClientId | undefined): Promise<string> => {
    const entry = gatewayEntry(client, { ...changes, agent: agentFor(plan, client) });
    const path = [...(client === undefined ? ["mcpServers"] : clientList(client)), GATEWAY_NAME];
    const block = nested(path, entry);
    if (client !== "codex") return `\`\`\`json\n${jsonText(block)}\n\`\`\`\n`;
    const { stringify } = await import("smol-toml");
    return `\`\`\`toml\n${stringify(block)}\`\`\`\n`;
  };
  const heading = (titles: string, client: ClientId | undefined) =>
    `# Entry for ${titles}${others.length === 0 ? "" : `, agent ${agentFor(plan, client)}`}\n`;
  const blocks = await Promise.all(shown.map(async (client) => {
    return { client, block: await entryBlock(client) };
  }));
  for (const [block, alike] of Map.groupBy(blocks, ({ block }) => block)) {
    const titles = alike.map(({ client }) => clientTitle(client)).join(", ");
    parts.push(heading(titles, alike[0]?.client) + block);
  }
  // The format that most clients share.
  if (isNone) parts.push(heading("your client", undefined) + await entryBlock(undefined));
  return parts.join("\n");
}

/** JSON with lists of strings in one line: the entry and the next steps should fit on one screen. */
function jsonText(value: JsonRecord): string {
  return JSON.stringify(value, null, 2).replace(/\[\n[^\][{}]*\]/g, (list) => {
    return JSON.stringify(JSON.parse(list)).replaceAll('","', '", "');
  });
}

/** Lists the next steps, as the last lines on the screen. */
export function nextText(plan: Plan, options: SummaryOptions): string {
  const lines = ["Next:", ...nextSteps(plan, options).map((step, at) => `  ${at + 1}. ${step}`)];
  if (options.written.length > 0) lines.push("To undo all of this: agent-mcp-gateway init --undo");
  return lines.join("\n");
}

function nextSteps(
  plan: Plan,
  { clients, ready, kept, files, home }: SummaryOptions,
): string[] {
  const into = plan.clients.map(({ file }) => file.client);
  const toPaste = clients.filter((client) => !into.includes(client) && !ready.includes(client));
  const isEmpty = kept === 0 && plan.servers.length === 0 &&
    plan.agents.every((agent) => agent.servers.length === 0);
  const steps: string[] = [];
  if (isEmpty) steps.push(`No server was taken over: add yours to ${files.servers}`);
  if (toPaste.length > 0 || clients.length === 0) {
    const names = toPaste.map(clientTitle).join(", ") || "your client";
    steps.push(`Paste the entry above into ${names}`);
  }
  steps.push("Run agent-mcp-gateway doctor: it starts each server and reports what is wrong");
  steps.push(...toolSteps(plan, showPath(files.rules, home)));
  const shown = showPath(files.servers, home);
  const namesOf = (servers: Plan["servers"]) => shortList(servers.map(({ name }) => name));
  const alike = Map.groupBy(plan.servers, ({ entry }) => String(entry.description ?? ""));
  const bare = alike.get("") ?? [];
  if (bare.length > 0) {
    steps.push(`Agents choose servers by "description": add one to ${namesOf(bare)} in ${shown}`);
  }
  for (const [description, servers] of alike) {
    if (description === "" || servers.length < 2) continue;
    steps.push(
      `${namesOf(servers)} have the same "description": say in ${shown} how they differ`,
    );
  }
  const emptied = plan.clients.filter(({ takeOut }) => takeOut).map(({ file }) => file.path);
  const full = plan.servers.flatMap(({ sources }) => sources.map(({ file }) => file))
    .filter(({ path, scope }) => scope === "user" && !emptied.includes(path));
  if (full.length > 0) {
    const titles = [...new Set(full.map(({ title }) => title))];
    const load = titles.length === 1 ? "it loads" : "they load";
    steps.push(`Remove the servers from ${titles.join(", ")}: until then ${load} them as before`);
  }
  steps.push("Restart the clients (approvals, runs without a terminal: docs/clients.md)");
  return steps;
}

/** Steps that give agents the tools of servers about which nothing is known. */
function toolSteps({ agents }: Plan, rules: string): string[] {
  const gaps = agents.map(({ name, tools }) => ({
    name,
    servers: Object.keys(tools).filter((server) => tools[server]?.length === 0),
  })).filter(({ servers }) => servers.length > 0);
  return [...Map.groupBy(gaps, ({ servers }) => JSON.stringify(servers)).values()].map((alike) => {
    const [{ name: agent, servers } = { name: "", servers: [] as string[] }] = alike;
    const [server = ""] = servers;
    const agentKey = alike.length === 1 ? agent : "AGENT";
    const serverKey = servers.length === 1 ? server : "SERVER";
    const names = alike.map(({ name }) => name).join(", ");
    return `${names} may call no tool of ${shortList(servers)} yet. Names of tools: ` +
      `agent-mcp-gateway explain --agent ${agent} --server ${server}; write them into ` +
      `agents.${agentKey}.allow.tools.${serverKey} in ${rules}`;
  });
}

/** The first names, and the number of the others. */
function shortList(names: readonly string[]): string {
  return names.length <= 4
    ? names.join(", ")
    : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
}
