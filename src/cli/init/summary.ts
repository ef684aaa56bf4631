import type { ChangeOptions } from "./changes.ts";
import { gatewayEntry } from "./client_entry.ts";
import { nestAt } from "./client_text.ts";
import { type ClientId, clientTitle, serversPathOf } from "./clients.ts";
import { abbreviateHome } from "../../config/mod.ts";
import { GATEWAY_NAME } from "./existing_entry.ts";
import type { ClientFile } from "./find_servers.ts";
import type { JsonRecord } from "./import_entry.ts";
import type { GatewayFiles } from "./gateway_files.ts";
import { agentFor, hasNoTool, type Plan } from "./plan.ts";
import { escapeControls } from "../../text.ts";
import type { WrittenFile } from "./write_files.ts";

/** Text to paste into an agent's instructions, for clients that do not show a server's instructions. */
const AGENT_PROMPT = `## Tools from other MCP servers

You reach all other MCP servers through the MCP server \`${GATEWAY_NAME}\`. Its rules decide what you may use.

1. Call \`list_servers\` to see which servers you may use, or \`get_server_tools\` with a \`query\`, such
   as "create an issue", to find tools of all of them.
2. Call \`get_server_tools\` with a \`server\` to see its tools. A long list has only signatures; call
   it again with \`names\` for the full schemas of the tools that you need.
3. Call \`execute_tool\` with \`server\`, \`tool\` and \`args\` (an object).
4. After \`DENIED_BY_POLICY\`, do not try to get around the denial: tell the user which tool you need.
`;

/** The facts about a run of `init` that the texts mention. */
export interface SummaryOptions {
  readonly writtenFiles: readonly WrittenFile[];
  readonly files: GatewayFiles;
  /** The clients that are installed. */
  readonly clients: readonly ClientId[];
  /** The installed clients that already had the gateway's entry. */
  readonly clientsWithEntry: readonly ClientId[];
  /** Number of servers that the gateway had before the run. */
  readonly existingServers: number;
  /** The clients' files whose entries of the gateway got `--shared`. */
  readonly sharedFiles: readonly ClientFile[];
  /** The clients' files that still have entries of the gateway without `--shared`. */
  readonly unsharedFiles: readonly ClientFile[];
  /** Whether the entries are to share one gateway. */
  readonly isShared: boolean;
  /** Whether the gateway uses the written files in the working folder, if they are trusted. */
  readonly needsTrust: boolean;
  /** Whether a person has answered which tools the agents may call. */
  readonly hasAsked: boolean;
  readonly home: string;
}

/** Returns the list of the files that were written. */
export function writtenText(
  plan: Plan,
  { writtenFiles, files, sharedFiles, home }: Pick<
    SummaryOptions,
    "writtenFiles" | "files" | "sharedFiles" | "home"
  >,
): string {
  const lines = [writtenFiles.length === 0 ? "Nothing has changed" : "Written:"];
  for (const { path, backup } of writtenFiles) {
    const client = plan.clients.find(({ file }) => file.path === path)?.file;
    const sharedFile = sharedFiles.find((file) => file.path === path);
    let content = `${client?.title}, agent ${agentFor(plan, client?.client)}`;
    if (path === files.servers) content = "the servers";
    else if (path === files.rules) {
      content = `agents: ${plan.agents.map(({ name }) => name).join(", ")}`;
    } else if (sharedFile !== undefined) {
      content = `${sharedFile.title}: ${entryNames(sharedFile)} got --shared`;
    }
    lines.push(`  ${abbreviateHome(path, home)} (${content})`);
    if (backup !== undefined) lines.push(`    before: ${abbreviateHome(backup, home)}`);
  }
  return lines.join("\n");
}

/**
 * Returns the text to paste: a prompt, and the gateway's entry in the format of each client that has no
 * entry.
 *
 * @param options The clients that have no entry, whether no client is installed, and the options of
 * `planChanges`.
 * @returns Empty if every client has an entry.
 */
export async function pasteText(
  plan: Plan,
  { clients, hasNoClient, changes }: {
    readonly clients: readonly ClientId[];
    readonly hasNoClient: boolean;
    readonly changes: ChangeOptions;
  },
): Promise<string> {
  const chosenClients = new Set(plan.clients.map(({ file }) => file.client));
  const clientsToPaste = clients.filter((client) => !chosenClients.has(client));
  if (clientsToPaste.length === 0 && !hasNoClient) return "";
  const parts = [
    `# Prompt for the agent, if the client does not show instructions\n\n${AGENT_PROMPT}`,
  ];
  const names = [...plan.agents.map(({ name }) => name), ...plan.unchangedAgents];
  const otherAgents = names.filter((name) => name !== agentFor(plan, undefined));
  // Without questions, the agents of the clients are not known.
  if (plan.agentByClient.size === 0 && otherAgents.length > 0) {
    parts.push(
      `# Other agents\n\nThe entry below with --agent ${otherAgents.join(" or --agent ")}\n`,
    );
  }
  const entryBlock = async (client: ClientId | undefined): Promise<string> => {
    const entry = gatewayEntry(client, { ...changes, agent: agentFor(plan, client) });
    const path = [...(client === undefined ? ["mcpServers"] : serversPathOf(client)), GATEWAY_NAME];
    const block = nestAt(path, entry);
    if (client !== "codex") return `\`\`\`json\n${jsonText(block)}\n\`\`\`\n`;
    const { stringify } = await import("smol-toml");
    return `\`\`\`toml\n${stringify(block)}\`\`\`\n`;
  };
  const heading = (titles: string, client: ClientId | undefined) =>
    `# Entry for ${titles}${otherAgents.length === 0 ? "" : `, agent ${agentFor(plan, client)}`}\n`;
  const blocks = await Promise.all(clientsToPaste.map(async (client) => {
    return { client, block: await entryBlock(client) };
  }));
  for (const [block, sameBlocks] of Map.groupBy(blocks, ({ block }) => block)) {
    const titles = sameBlocks.map(({ client }) => clientTitle(client)).join(", ");
    parts.push(heading(titles, sameBlocks[0]?.client) + block);
  }
  // Without a client, the entry has the format that most clients share.
  if (hasNoClient) parts.push(heading("your client", undefined) + await entryBlock(undefined));
  return parts.join("\n");
}

/** Formats JSON with lists in one line, so that the entry and the next steps fit on one screen. */
function jsonText(value: JsonRecord): string {
  return JSON.stringify(value, null, 2).replace(/\[\n[^\][{}]*\]/g, (list) => {
    return JSON.stringify(JSON.parse(list)).replaceAll('","', '", "');
  });
}

/** Returns the list of the next steps. */
export function nextText(plan: Plan, options: SummaryOptions): string {
  const lines = ["Next:", ...nextSteps(plan, options).map((step, at) => `  ${at + 1}. ${step}`)];
  if (options.writtenFiles.length > 0) {
    lines.push("To undo all of this: agent-mcp-gateway init --undo");
  }
  return lines.join("\n");
}

function nextSteps(
  plan: Plan,
  { clients, clientsWithEntry, existingServers, hasAsked, files, home, ...options }: SummaryOptions,
): string[] {
  const chosenClients = plan.clients.map(({ file }) => file.client);
  const clientsToPaste = clients.filter((client) =>
    !chosenClients.includes(client) && !clientsWithEntry.includes(client)
  );
  const isEmpty = existingServers === 0 && plan.servers.length === 0 &&
    plan.agents.every((agent) => agent.servers.length === 0);
  const [serversFile, rulesFile] = [
    abbreviateHome(files.servers, home),
    abbreviateHome(files.rules, home),
  ];
  const steps: string[] = [];
  if (isEmpty) {
    steps.push(
      `No server was imported: add yours to ${serversFile}, and allow them in ${rulesFile}`,
    );
  }
  if (clientsToPaste.length > 0 || clients.length === 0) {
    const names = clientsToPaste.map(clientTitle).join(", ") || "your client";
    steps.push(`Paste the entry above into ${names}`);
  }
  if (plan.agents.length === 0 && plan.servers.length > 0) {
    steps.push(
      `Allow agents to use the new servers in ${rulesFile}: none may use them yet`,
    );
  }
  for (const file of options.unsharedFiles) {
    steps.push(
      `Add --shared to the gateway's arguments in ${
        entryNames(file)
      } of ${file.displayPath}: without ` +
        "it, each window starts a gateway of its own",
    );
  }
  if (options.isShared) {
    steps.push(
      `Choose servers that all windows may share, by "isolation" in ${serversFile}: by default, each ` +
        "window has its own (docs/sharing.md)",
    );
  }
  if (options.needsTrust) {
    steps.push("Run agent-mcp-gateway trust here: until then, commands do not use these files");
  }
  steps.push("Run agent-mcp-gateway doctor: it starts each server and reports what is wrong");
  steps.push(...toolSteps(plan, rulesFile), ...askSteps(plan, hasAsked));
  const namesOf = (servers: Plan["servers"]) => shortList(servers.map(({ name }) => name));
  const byDescription = Map.groupBy(plan.servers, ({ entry }) => String(entry.description ?? ""));
  const serversWithoutDescription = byDescription.get("") ?? [];
  if (serversWithoutDescription.length > 0) {
    steps.push(
      `Agents choose servers by "description": add one to ${
        namesOf(serversWithoutDescription)
      } in ${serversFile}`,
    );
  }
  for (const [description, servers] of byDescription) {
    if (description === "" || servers.length < 2) continue;
    steps.push(
      `${namesOf(servers)} have the same "description": say in ${serversFile} how they differ`,
    );
  }
  const clearedFiles = plan.clients.flatMap(({ file, removesServers }) => {
    return removesServers ? [file.path] : [];
  });
  const filesWithServers = plan.servers.flatMap(({ sources }) => sources.map(({ file }) => file))
    .filter(({ path, scope }) => scope === "user" && !clearedFiles.includes(path));
  if (filesWithServers.length > 0) {
    const titles = [...new Set(filesWithServers.map(({ title }) => title))];
    const load = titles.length === 1 ? "it loads" : "they load";
    steps.push(`Remove the servers from ${titles.join(", ")}: until then ${load} them as before`);
  }
  steps.push("Restart the clients (approvals, runs without a terminal: docs/clients.md)");
  return steps;
}

/** The steps for agents that may not call any tool of some servers yet. */
function toolSteps({ agents }: Plan, rulesFile: string): string[] {
  const agentsWithoutTools = agents.map((agent) => ({
    name: agent.name,
    servers: Object.keys(agent.tools).filter((server) => hasNoTool(agent, server)),
  })).filter(({ servers }) => servers.length > 0);
  return [...Map.groupBy(agentsWithoutTools, ({ servers }) => JSON.stringify(servers)).values()]
    .map((sameServers) => {
      const [{ name: agent, servers } = { name: "", servers: [] as string[] }] = sameServers;
      const [server = ""] = servers;
      const agentKey = sameServers.length === 1 ? agent : "AGENT";
      const serverKey = servers.length === 1 ? server : "SERVER";
      const names = sameServers.map(({ name }) => name).join(", ");
      return `${names} may call no tool of ${shortList(servers)} yet. Names of tools: ` +
        `agent-mcp-gateway explain --agent ${agent} --server ${server}; write them into ` +
        `agents.${agentKey}.allow.tools.${serverKey} in ${rulesFile}`;
    });
}

/** The steps about calls that need a person's approval, or that could be made to need it. */
function askSteps({ agents }: Plan, hasAsked: boolean): string[] {
  if (!hasAsked && agents.some(({ servers }) => servers.length > 0)) {
    return [
      `${
        shortList(agents.map(({ name }) => name))
      } may call every tool without asking. To be asked ` +
      "before a tool changes something, run init without --yes, or add an ask (docs/policies.md)",
    ];
  }
  const isAsked = agents.some(({ asks }) => Object.keys(asks).length > 0);
  return isAsked
    ? ["Approve changes in the client, or by: agent-mcp-gateway approvals --watch"]
    : [];
}

/** Lists the names of the gateway's entries in a file that shared no gateway before this run. */
function entryNames({ unsharedEntries }: ClientFile): string {
  return shortList([...new Set(unsharedEntries.map(({ name }) => JSON.stringify(name)))]);
}

/** Joins names; of more than four, only the first three and the number of the others. */
function shortList(names: readonly string[]): string {
  const listedNames = names.slice(0, names.length <= 4 ? 4 : 3).map(escapeControls).join(", ");
  return names.length <= 4 ? listedNames : `${listedNames} and ${names.length - 3} more`;
}
