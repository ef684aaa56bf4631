import { AGENT_PROMPT } from "./agent_prompt.ts";
import type { ChangeOptions } from "./changes.ts";
import { gatewayEntry } from "./client_entry.ts";
import { type ClientId, clientList, clientTitle } from "./clients.ts";
import { GATEWAY_NAME } from "./find_servers.ts";
import type { JsonRecord } from "./import_entry.ts";
import { agentFor, type Plan } from "./plan.ts";
import { tomlTable } from "./toml_table.ts";

/**
 * Returns what there is to paste: a prompt, and at the end an entry for each form of client that has
 * none; empty if every client has one.
 *
 * @param plan What was written.
 * @param options The clients that are there and have no entry, and the options of `planChanges`.
 */
export function pasteText(
  plan: Plan,
  { clients, isNone, changes }: {
    readonly clients: readonly ClientId[];
    /** Whether no client is there: then the form is shown that most share. */
    readonly isNone: boolean;
    readonly changes: ChangeOptions;
  },
): string {
  const written = new Set(plan.clients.map(({ file }) => file.client));
  const shown = clients.filter((one) => !written.has(one));
  if (shown.length === 0 && !isNone) return "";
  const parts = [
    `# Prompt for the agent, if the client does not show instructions\n\n${AGENT_PROMPT}`,
  ];
  const others = plan.agents.slice(1).map(({ name }) => name);
  if (isNone && others.length > 0) {
    parts.push(
      `# Other agents\n\nThe entry below with --agent ${others.join(" or --agent ")}\n`,
    );
  }
  const isFew = new Set(plan.agents.map(({ name }) => name)).size === 1;
  const heading = (titles: string, agent: string) =>
    `# Entry for ${titles}${isFew ? "" : `, agent ${agent}`}\n`;
  const blocks = new Map<string, ClientId[]>();
  for (const client of shown) {
    const entry = gatewayEntry(client, { ...changes, agent: agentFor(plan, client) });
    const block = entryBlock(clientList(client), entry, client === "codex");
    blocks.set(block, [...blocks.get(block) ?? [], client]);
  }
  for (const [block, alike] of blocks) {
    const titles = alike.map(clientTitle).join(", ");
    parts.push(heading(titles, agentFor(plan, alike[0])) + block);
  }
  if (isNone) {
    const agent = agentFor(plan, undefined);
    const entry = gatewayEntry(undefined, { ...changes, agent });
    parts.push(heading("your client", agent) + entryBlock(["mcpServers"], entry, false));
  }
  return parts.join("\n");
}

function entryBlock(list: readonly string[], entry: JsonRecord, isToml: boolean): string {
  const path = [...list, GATEWAY_NAME];
  if (isToml) return `\`\`\`toml\n${tomlTable(path, entry)}\`\`\`\n`;
  const value = path.reduceRight<JsonRecord>((inner, key) => ({ [key]: inner }), entry);
  // A list of words in one line: the entry and the next steps are to fit on one screen.
  const text = JSON.stringify(value, null, 2).replace(
    /\[\n[^\][{}]*\]/g,
    (list) => JSON.stringify(JSON.parse(list)).replaceAll('","', '", "'),
  );
  return `\`\`\`json\n${text}\n\`\`\`\n`;
}
