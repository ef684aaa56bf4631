import { isSecretName } from "../../redact.ts";
import { agentPrompt } from "./agent_prompt.ts";
import { boundAgent, type ChangeOptions } from "./changes.ts";
import { gatewayEntry } from "./client_entry.ts";
import { type ClientId, clientTitle } from "./clients.ts";
import { GATEWAY_NAME } from "./find_servers.ts";
import { isRecord } from "./import_entry.ts";
import type { Plan } from "./plan.ts";

/** Clients whose entries look alike, the form that most of them take last. */
const FORMS: readonly (readonly ClientId[])[] = [
  ["claude-code"],
  ["vscode"],
  ["claude-desktop", "cursor", "windsurf"],
];

/**
 * What is there to paste: the entry for each form of client, and the prompt.
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
  const forms = FORMS.map((form) => form.filter((one) => clients.includes(one)))
    .filter((form) => form.length > 0);
  const parts = (forms.length > 0 ? forms : FORMS).map((form) => {
    const [client] = form;
    const entry = gatewayEntry(client, { ...options, ...boundAgent(plan) });
    const text = JSON.stringify(
      { [client === "vscode" ? "servers" : "mcpServers"]: { [GATEWAY_NAME]: entry } },
      null,
      2,
    );
    return `# Entry for ${form.map(clientTitle).join(", ")}\n\n\`\`\`json\n${text}\n\`\`\`\n`;
  });
  const [first, ...others] = plan.agents.map(({ name }) => name);
  const also = others.length === 0
    ? ""
    : ` (the same with ${others.map((name) => `"${name}"`).join(", ")} for the others)`;
  const prompt = agentPrompt(first ?? "YOUR_AGENT_NAME");
  return `${parts.join("\n")}\n# Prompt for the agent${also}\n\n${prompt}`;
}

/** Where secrets stand in clear text in what was taken over, such as `github: env.TOKEN`. */
export function plainSecrets({ servers }: Plan): string[] {
  return servers.flatMap(({ server: { name, entry } }) =>
    (["env", "headers"] as const).flatMap((key) =>
      Object.entries(isRecord(entry[key]) ? entry[key] : {})
        .filter(([field, value]) => isSecretName(field) && !String(value).includes("${"))
        .map(([field]) => `${name}: ${key}.${field}`)
    )
  );
}
