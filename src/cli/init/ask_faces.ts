import { type ClientId, clientTitle } from "./clients.ts";
import type { InspectedServers } from "./inspect_servers.ts";
import { agentFor, type AgentNames, type ClientPlan } from "./plan.ts";
import type { Prompter } from "./prompter.ts";

/** Clients that load the definitions of tools only when their model has searched for them. */
const SEARCHING_CLIENTS: ReadonlySet<ClientId | undefined> = new Set(["claude-code", "codex"]);

/** Tokens of a session with one task through the gateway's own tools: their definitions, a query, a schema and a call. */
const SESSION_TOKENS = 1000;

/** The planned agents, and the servers that they may use. */
interface PlannedAccess {
  readonly rules: AgentNames;
  readonly inspectedServers: InspectedServers;
}

/**
 * Asks, for each client that would save tokens by it, whether it shall see the tools of the servers directly.
 *
 * @returns The clients with the answers.
 */
export async function askFaces(
  clients: readonly ClientPlan[],
  { prompter, ...access }: PlannedAccess & { readonly prompter: Prompter },
): Promise<ClientPlan[]> {
  const answers = new Map<ClientId | undefined, boolean>();
  for (const { file: { client } } of clients) {
    const reason = findReason(client, access);
    if (reason === undefined || answers.has(client)) continue;
    const title = client === undefined ? "the client" : clientTitle(client);
    const message = `Show ${title} the tools of the servers directly, instead of the gateway's ` +
      `three (--face direct)? ${reason}, and its settings can approve each tool by name`;
    answers.set(client, await prompter.confirm(message, true));
  }
  return clients.map((client) => {
    return answers.get(client.file.client) === true ? { ...client, isDirect: true } : client;
  });
}

/** Returns why it is cheaper for a client to see the tools directly; `undefined` if it is not, or is not known. */
function findReason(client: ClientId | undefined, access: PlannedAccess): string | undefined {
  if (SEARCHING_CLIENTS.has(client)) {
    return "It loads definitions only when its model has searched for them";
  }
  const { count, tokens } = countTools(client, access);
  if (count === 0 || tokens > SESSION_TOKENS) return undefined;
  const tools = count === 1 ? "its only tool takes" : `all ${count} tools take`;
  return `The definitions of ${tools} about ${tokens} tokens, less than finding one`;
}

/** Counts the tools that a client's agent may call; their tokens are infinite if some are not known. */
function countTools(
  client: ClientId | undefined,
  { rules, inspectedServers }: PlannedAccess,
): { readonly count: number; readonly tokens: number } {
  const name = agentFor(rules, client);
  const agent = rules.agents.find((candidate) => candidate.name === name);
  let [count, tokens] = [0, 0];
  for (const server of agent?.servers ?? []) {
    const callableTools = agent?.tools[server];
    const tools = inspectedServers.get(server)?.tools
      ?.filter((tool) => callableTools?.includes(tool.name) ?? true);
    count += tools?.length ?? 0;
    tokens += tools?.reduce((sum, tool) => sum + (tool.tokens ?? Infinity), 0) ?? Infinity;
  }
  return { count, tokens };
}
