import { agentIdShape, isAgentId } from "../../config/mod.ts";
import { Asker, type Choice, type Terminal } from "./asker.ts";
import { type ClientId, clientTitle } from "./clients.ts";
import type { ClientFile } from "./find_servers.ts";
import { describeServer, type OfferedServer } from "./merge_servers.ts";
import {
  type Access,
  type AgentPlan,
  type ClientPlan,
  describePlanned,
  type Plan,
  planAgent,
} from "./plan.ts";
import { allowedTools, type Looked, saysWhatToolsDo } from "./tool_choice.ts";

/** What there is to ask about. */
export interface Questions {
  /** Servers to choose from. */
  readonly servers: readonly OfferedServer[];
  /** Names of servers that the gateway has already. */
  readonly kept: readonly string[];
  /** Names of agents that the rules have already. */
  readonly agents: readonly string[];
  /** Clients' own files that can get the gateway's entry. */
  readonly files: readonly ClientFile[];
  /** Whether servers of the working folder are offered as chosen. */
  readonly trustsFolder: boolean;
  /** The agents' names that are offered. */
  readonly offered: readonly string[];
  /** The files that are always written, for people. */
  readonly own: readonly string[];
  /** Starts servers and looks at their tools. */
  look(chosen: readonly OfferedServer[]): Promise<Looked>;
}

/**
 * Asks what to write; nothing is written meanwhile. With the answers that are offered no file but
 * the gateway's own is changed.
 *
 * @returns undefined where it was cancelled.
 */
export async function askPlan(
  questions: Questions,
  terminal: Terminal,
): Promise<Plan | undefined> {
  return await Asker.run(terminal, async (asker) => {
    asker.begin("Agent MCP Gateway");
    const chosen = await askServers(asker, questions);
    const looked = await askLook(asker, chosen, questions);
    const agents = await askAgents(asker, { chosen, looked }, questions);
    const agentOf = await askAgentsOfClients(asker, agents, questions);
    const clients = await askClients(asker, chosen, questions);
    const paths = [...questions.own, ...clients.map(({ file }) => file.shown)];
    if (!await asker.confirm(`Write ${paths.join(", ")}?`, true)) asker.cancel();
    return { servers: describePlanned(chosen, looked), agents, clients, agentOf };
  });
}

async function askServers(asker: Asker, questions: Questions): Promise<OfferedServer[]> {
  const { servers, trustsFolder } = questions;
  if (servers.length === 0) return [];
  const isOffered = ({ server, clashes }: OfferedServer) =>
    server.entry.disabled !== true && !clashes && (server.file.scope === "user" || trustsFolder);
  const choices = servers.map((server) => ({
    value: server.name,
    label: server.name,
    hint: describeServer(server),
  }));
  const offered = servers.filter(isOffered).map(({ name }) => name);
  const message = "Which servers go behind the gateway?";
  const names = await asker.chooseSome(message, choices, offered);
  return servers.filter(({ name }) => names.includes(name));
}

async function askLook(
  asker: Asker,
  chosen: readonly OfferedServer[],
  { kept, look }: Questions,
): Promise<Looked> {
  const count = chosen.length + kept.length;
  if (count === 0) return new Map();
  const what = count === 1 ? "the server" : `the ${count} servers`;
  const message = `Start ${what} once, to see what their tools do? Rules are made from that ` +
    "(30 seconds at most; Ctrl-C goes on without)";
  if (!await asker.confirm(count === 1 ? message.replace("their", "its") : message, true)) {
    return new Map();
  }
  const looked = await look(chosen);
  const lines = [...looked].map(([name, { tools, failure }]) =>
    failure === undefined ? `${name}: ${counted(tools?.length ?? 0)}` : `${name}: ${failure}`
  );
  if (lines.length > 0) asker.note(lines.join("\n"));
  return looked;
}

interface Known {
  readonly chosen: readonly OfferedServer[];
  readonly looked: Looked;
}

async function askAgents(
  asker: Asker,
  known: Known,
  questions: Questions,
): Promise<AgentPlan[]> {
  const text = await asker.text(
    "Which agents use the gateway? One name, or several with commas between",
    {
      initialValue: questions.offered.join(", "),
      validate: (value) => {
        const names = splitNames(value);
        if (names.length === 0) return "At least one agent needs a name";
        const bad = names.find((name) => !isAgentId(name));
        return bad === undefined ? undefined : `${bad} is no agent name: expected ${agentIdShape}`;
      },
    },
  );
  const names = splitNames(text);
  const agents: AgentPlan[] = [];
  for (const name of names) {
    const added = known.chosen.map((server) => server.name);
    // What an agent may do with the servers that it has already, stands in the rules.
    const servers = questions.agents.includes(name) ? added : [...questions.kept, ...added];
    const allowed = names.length === 1 || servers.length === 0 ? servers : await asker.chooseSome(
      `Which servers may ${name} use?`,
      servers.map((value) => ({ value, label: value })),
      servers,
    );
    agents.push(await askTools(asker, { name, servers: allowed }, known));
  }
  return agents;
}

async function askTools(
  asker: Asker,
  { name, servers }: { readonly name: string; readonly servers: readonly string[] },
  { chosen, looked }: Known,
): Promise<AgentPlan> {
  const of = { planned: chosen, looked };
  if (servers.length === 0) {
    return planAgent(name, { servers, access: "all", trustsSilent: true }, of);
  }
  const speaking = servers.filter((server) => saysWhatToolsDo(looked.get(server)));
  const silent = servers.filter((server) => !speaking.includes(server));
  const access = speaking.length === 0
    ? "read"
    : await asker.choose(`Which tools may ${name} call?`, accessChoices(speaking, looked));
  if (access === "all" || silent.length === 0) {
    return planAgent(name, { servers, access, trustsSilent: true }, of);
  }
  const list = silent.join(", ");
  const message = speaking.length === 0
    ? `Which tools may ${name} call? Nothing is known of what the tools of ${list} do`
    : `Nothing is known of what the tools of ${list} do. May ${name} call them?`;
  const trustsSilent = await asker.choose(message, [
    { value: false, label: "None of them, until you write them into the rules" },
    { value: true, label: "All of them" },
  ]);
  return planAgent(name, { servers, access, trustsSilent }, of);
}

function accessChoices(servers: readonly string[], looked: Looked): Choice<Access>[] {
  const tools = servers.flatMap((server) => looked.get(server)?.tools ?? []);
  const count = (access: Access) => allowedTools(tools, access).length;
  const hint = "as the servers mark them";
  return [
    { value: "all", label: "All tools, also those that its servers add later" },
    {
      value: "careful",
      label: `${count("careful")} of ${counted(tools.length)}: those that destroy nothing`,
      hint,
    },
    {
      value: "read",
      label: `${count("read")} of ${counted(tools.length)}: those that only read`,
      hint,
    },
  ];
}

/** With several agents each client's entry needs to say which one it is. */
async function askAgentsOfClients(
  asker: Asker,
  agents: readonly AgentPlan[],
  { files }: Questions,
): Promise<Map<ClientId, string>> {
  const agentOf = new Map<ClientId, string>();
  if (agents.length < 2) return agentOf;
  for (const client of new Set(files.flatMap(({ client }) => client ?? []))) {
    const choices = agents.map(({ name }) => ({ value: name, label: name }));
    const message = `Which agent is ${clientTitle(client)}?`;
    agentOf.set(client, await asker.choose(message, choices));
  }
  return agentOf;
}

async function askClients(
  asker: Asker,
  servers: readonly OfferedServer[],
  { files }: Questions,
): Promise<ClientPlan[]> {
  if (files.length === 0) return [];
  const moved = ({ path, language }: ClientFile) =>
    // A table of TOML is not taken out: it may hold more than the server.
    language === "toml"
      ? []
      : servers.flatMap(({ places }) => places).filter(({ file }) => file.path === path);
  const chosen = await asker.chooseSome(
    "Write the gateway's entry into which clients? None is changed unless you choose it",
    files.map(({ path, title, shown, isNew }) => ({
      value: path,
      label: title,
      hint: isNew ? `${shown}, a new file` : `${shown}, with a backup`,
    })),
    [],
  );
  const into = files.filter(({ path }) => chosen.includes(path));
  const count = into.flatMap(moved).length;
  const takeOut = count > 0 && await asker.choose(
    "And the servers that these clients have now?",
    [
      {
        value: false,
        label: "Leave them beside the gateway",
        hint: "the client still loads them, and no rule holds for them",
      },
      {
        value: true,
        label: `Take ${count === 1 ? "it" : `the ${count}`} out: they go on behind the gateway`,
        hint: "saves context, and the rules hold; init --undo puts them back",
      },
    ],
  );
  return into.map((file) => ({ file, takeOut: takeOut && moved(file).length > 0 }));
}

function splitNames(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter((name) => name !== ""))];
}

function counted(count: number): string {
  return `${count} tool${count === 1 ? "" : "s"}`;
}
