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
 * What there is to paste: a prompt, settings of clients, and at the end an entry for each form of
 * client that was not written to, for that is what most people need.
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
  const written = new Map(plan.clients.map(({ file }) => [file.client, file.entryName]));
  const shown = clients.length > 0 ? clients : CLIENT_IDS;
  const parts = [
    `# Prompt for the agent, if the client does not show instructions\n\n${AGENT_PROMPT}`,
  ];
  for (const client of CLIENT_IDS) {
    if (!written.has(client) && !shown.includes(client)) continue;
    const advice = clientAdvice(client, written.get(client) ?? GATEWAY_NAME);
    if (advice.length === 0) continue;
    const lines = advice.map((line) => `${line}\n`).join("");
    parts.push(`# Settings for ${clientTitle(client)}\n\n${lines}`);
  }
  const others = plan.agents.slice(1).map(({ name }) => name);
  if (clients.length === 0 && others.length > 0) {
    parts.push(
      `# Other agents\n\nThe entry below with --agent ${others.join(" or --agent ")}\n`,
    );
  }
  const blocks = new Map<string, ClientId[]>();
  for (const client of shown.filter((one) => !written.has(one))) {
    const entry = gatewayEntry(client, { ...options, agent: agentFor(plan, client) });
    const block = entryBlock(client, entry);
    blocks.set(block, [...blocks.get(block) ?? [], client]);
  }
  const isFew = new Set(plan.agents.map(({ name }) => name)).size === 1;
  for (const [block, alike] of blocks) {
    const agent = isFew ? "" : `, agent ${agentFor(plan, alike[0])}`;
    parts.push(`# Entry for ${alike.map(clientTitle).join(", ")}${agent}\n${block}`);
  }
  return parts.join("\n");
}

function entryBlock(client: ClientId, entry: JsonRecord): string {
  const path = [...clientList(client), GATEWAY_NAME];
  if (client === "codex") return `\`\`\`toml\n${tomlTable(path, entry)}\`\`\`\n`;
  const value = path.reduceRight<JsonRecord>((inner, key) => ({ [key]: inner }), entry);
  // A list of words in one line: the entry and the next steps are to fit on one screen.
  const text = JSON.stringify(value, null, 2).replace(
    /\[\n[^\][{}]*\]/g,
    (list) => JSON.stringify(JSON.parse(list)).replaceAll('","', '", "'),
  );
  return `\`\`\`json\n${text}\n\`\`\`\n`;
}
