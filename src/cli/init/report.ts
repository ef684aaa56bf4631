import { AGENT_PROMPT } from "./agent_prompt.ts";
import type { ChangeOptions } from "./changes.ts";
import { clientAdvice } from "./client_advice.ts";
import { gatewayEntry } from "./client_entry.ts";
import { CLIENT_IDS, type ClientId, clientList, clientTitle } from "./clients.ts";
import { GATEWAY_NAME } from "./find_servers.ts";
import type { JsonRecord } from "./import_entry.ts";
import { agentFor, type Plan } from "./plan.ts";
import { tomlTable } from "./toml_table.ts";

/**
 * What there is to paste: an entry for each form of client that was not written to, the settings
 * beside it, and a prompt.
 *
 * @param plan What was written.
 * @param clients The clients that are there; none: all forms are shown.
 * @param options As the changes were made with.
 */
export function pasteText(
  plan: Plan,
  clients: readonly ClientId[],
  options: ChangeOptions,
): string {
  const written = plan.clients.map(({ file }) => file.client);
  const shown = clients.length > 0 ? clients : CLIENT_IDS;
  const blocks = new Map<string, ClientId[]>();
  for (const client of shown.filter((one) => !written.includes(one))) {
    const entry = gatewayEntry(client, { ...options, agent: agentFor(plan, client) });
    const block = entryBlock(client, entry);
    blocks.set(block, [...blocks.get(block) ?? [], client]);
  }
  const isFew = new Set(plan.agents.map(({ name }) => name)).size === 1;
  const parts = [...blocks].map(([block, alike]) => {
    const agent = isFew ? "" : `, agent ${agentFor(plan, alike[0])}`;
    const advice = adviceText(alike);
    return `# Entry for ${alike.map(clientTitle).join(", ")}${agent}\n\n${block}${advice}`;
  });
  const others = plan.agents.slice(1).map(({ name }) => name);
  if (clients.length === 0 && others.length > 0) {
    parts.push(`# Other agents\n\nThe same entry with --agent ${others.join(" or --agent ")}\n`);
  }
  for (const { file: { client, entryName } } of plan.clients) {
    const advice = client === undefined ? [] : clientAdvice(client, entryName);
    if (client === undefined || advice.length === 0) continue;
    parts.push(`# Settings for ${clientTitle(client)}\n\n${listed(advice)}`);
  }
  return [
    ...parts,
    `# Prompt for the agent, if the client does not show instructions\n\n${AGENT_PROMPT}`,
  ]
    .join("\n");
}

function entryBlock(client: ClientId, entry: JsonRecord): string {
  const path = [...clientList(client), GATEWAY_NAME];
  if (client === "codex") return `\`\`\`toml\n${tomlTable(path, entry)}\`\`\`\n`;
  const value = path.reduceRight<JsonRecord>((inner, key) => ({ [key]: inner }), entry);
  return `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\`\n`;
}

function adviceText(clients: readonly ClientId[]): string {
  const parts = clients.flatMap((client) => {
    const advice = clientAdvice(client, GATEWAY_NAME);
    if (advice.length === 0) return [];
    return [clients.length === 1 ? listed(advice) : `${clientTitle(client)}:\n${listed(advice)}`];
  });
  return parts.length === 0 ? "" : `\n${parts.join("\n")}`;
}

function listed(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
