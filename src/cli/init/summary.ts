import { type ClientId, clientTitle } from "./clients.ts";
import { showPath } from "./find_servers.ts";
import { agentFor, type Plan } from "./plan.ts";
import type { WrittenFile } from "./write_files.ts";

/** What the summary is made from. */
export interface SummaryOptions {
  /** The files that were written. */
  readonly written: readonly WrittenFile[];
  /** The gateway's own files. */
  readonly files: { readonly servers: string; readonly rules: string };
  /** The clients that are there. */
  readonly clients: readonly ClientId[];
  /** Those of them that have the gateway's entry already. */
  readonly ready: readonly ClientId[];
  /** The user's home folder. */
  readonly home: string;
}

/** What was written and what to do next, as the last lines on the screen. */
export function summaryText(plan: Plan, options: SummaryOptions): string {
  const { written, files, home } = options;
  const lines = ["", written.length === 0 ? "Nothing has changed" : "Written:"];
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
  lines.push("Next:", ...nextSteps(plan, options).map((step, at) => `  ${at + 1}. ${step}`));
  if (written.length > 0) lines.push("To undo all of this: agent-mcp-gateway init --undo");
  return lines.join("\n");
}

function nextSteps(
  plan: Plan,
  { clients, ready, files: { servers } }: SummaryOptions,
): string[] {
  const into = plan.clients.map(({ file }) => file.client);
  const toPaste = clients.filter((client) => !into.includes(client) && !ready.includes(client));
  const isEmpty = plan.servers.length === 0 &&
    plan.agents.every((agent) => agent.servers.length === 0);
  const steps: string[] = [];
  if (isEmpty) steps.push(`No server was taken over: add yours to ${servers}`);
  steps.push("Run agent-mcp-gateway doctor: it starts each server and reports what is wrong");
  if (toPaste.length > 0 || clients.length === 0) {
    const names = toPaste.length > 0 ? toPaste.map(clientTitle).join(", ") : "your client";
    steps.push(`Paste the entry above into ${names}`);
  }
  const emptied = plan.clients.filter(({ takeOut }) => takeOut).map(({ file }) => file.path);
  const full = plan.servers.flatMap(({ places }) => places.map(({ file }) => file))
    .filter(({ path, scope }) => scope === "user" && !emptied.includes(path));
  if (full.length > 0) {
    const titles = [...new Set(full.map(({ title }) => title))].join(", ");
    steps.push(`Remove the servers from ${titles}: until then it loads them as before`);
  }
  steps.push("Restart the clients");
  return steps;
}
