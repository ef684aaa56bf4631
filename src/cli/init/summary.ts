import { type ClientId, clientTitle } from "./clients.ts";
import { showPath } from "./find_servers.ts";
import { agentFor, type Plan } from "./plan.ts";
import type { WrittenFile } from "./write_files.ts";

/** Options of `nextText`. */
export interface SummaryOptions {
  /** The files that were written. */
  readonly written: readonly WrittenFile[];
  /** The gateway's own files. */
  readonly files: { readonly servers: string; readonly rules: string };
  /** The clients that are there. */
  readonly clients: readonly ClientId[];
  /** Those of them that have the gateway's entry already. */
  readonly ready: readonly ClientId[];
  /** How many servers the gateway had before. */
  readonly kept: number;
  /** The user's home folder. */
  readonly home: string;
}

/** Lists the files that were written. The entry to paste comes after it, then `nextText`. */
export function writtenText(
  plan: Plan,
  { written, files, home }: Pick<SummaryOptions, "written" | "files" | "home">,
): string {
  const lines = [written.length === 0 ? "Nothing has changed" : "Written:"];
  for (const { path, backup } of written) {
    const client = plan.clients.find(({ file }) => file.path === path)?.file;
    const what = path === files.servers
      ? "the servers"
      : path === files.rules
      ? `agents: ${plan.agents.map(({ name }) => name).join(", ")}`
      : `${client?.title}, agent ${agentFor(plan, client?.client)}`;
    lines.push(`  ${showPath(path, home)} (${what})`);
    if (backup !== undefined) lines.push(`    before: ${showPath(backup, home)}`);
  }
  return lines.join("\n");
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
  const isDone = toPaste.length === 0 && clients.length > 0;
  if (!isDone) {
    const names = toPaste.length > 0 ? toPaste.map(clientTitle).join(", ") : "your client";
    steps.push(`Paste the entry above into ${names}`);
  }
  steps.push("Run agent-mcp-gateway doctor: it starts each server and reports what is wrong");
  const shown = {
    servers: showPath(files.servers, home),
    rules: showPath(files.rules, home),
  };
  steps.push(...toolSteps(plan, shown.rules));
  const bare = plan.servers.filter(({ entry }) => !entry.description).map(({ name }) => name);
  if (bare.length > 0) {
    steps.push(
      `Agents choose servers by "description": add one to ${shortList(bare)} in ${shown.servers}`,
    );
  }
  const twins = Map.groupBy(
    plan.servers.filter(({ entry }) => entry.description),
    ({ entry }) => String(entry.description),
  );
  for (const alike of twins.values()) {
    if (alike.length < 2) continue;
    const names = shortList(alike.map(({ name }) => name));
    steps.push(
      `${names} have the same "description": say in ${shown.servers} what tells them apart`,
    );
  }
  const emptied = plan.clients.filter(({ takeOut }) => takeOut).map(({ file }) => file.path);
  const full = plan.servers.flatMap(({ places }) => places.map(({ file }) => file))
    .filter(({ path, scope }) => scope === "user" && !emptied.includes(path));
  if (full.length > 0) {
    const titles = [...new Set(full.map(({ title }) => title))];
    const who = titles.length === 1 ? "it loads" : "they load";
    steps.push(`Remove the servers from ${titles.join(", ")}: until then ${who} them as before`);
  }
  steps.push("Restart the clients (approvals, runs without a terminal: docs/clients.md)");
  return steps;
}

/** How agents get the tools of servers that nothing is known of: a step for equal gaps. */
function toolSteps({ agents }: Plan, rules: string): string[] {
  const gaps = new Map<string, string[]>();
  for (const { name, tools } of agents) {
    const none = Object.keys(tools).filter((server) => tools[server]?.length === 0);
    if (none.length === 0) continue;
    const key = JSON.stringify(none);
    gaps.set(key, [...gaps.get(key) ?? [], name]);
  }
  return [...gaps].map(([key, names]) => {
    const servers: string[] = JSON.parse(key);
    const [agent = ""] = names;
    const [server = ""] = servers;
    const keys = `agents.${names.length === 1 ? agent : "AGENT"}.allow.tools.${
      servers.length === 1 ? server : "SERVER"
    }`;
    return `${names.join(", ")} may call no tool of ${shortList(servers)} yet. Names of tools: ` +
      `agent-mcp-gateway explain --agent ${agent} --server ${server}; write them into ${keys} ` +
      `in ${rules}`;
  });
}

/** The first names, and how many more there are. */
function shortList(names: readonly string[]): string {
  return names.length <= 4
    ? names.join(", ")
    : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
}
