import { agentIdShape, isAgentId } from "../../agent_id.ts";
import { type Choice, Prompter, type Terminal } from "./prompter.ts";
import { type ClientId, clientTitle } from "./clients.ts";
import type { ClientFile, FoundServer } from "./find_servers.ts";
import type { Inspected, InspectedServer } from "./inspect_servers.ts";
import { describeServer, type OfferedServer, scopeLines } from "./merge_servers.ts";
import {
  type Access,
  agentFor,
  type AgentPlan,
  allowedTools,
  type ClientPlan,
  describePlanned,
  hasToolHints,
  type Plan,
  planAgent,
} from "./plan.ts";
import { pluralize } from "../terminal.ts";

/** The servers, agents and clients that the questions offer. */
export interface Questions {
  readonly servers: readonly OfferedServer[];
  /** Names of servers that the gateway has already. */
  readonly kept: readonly string[];
  /** Names of agents that are in the rules already. */
  readonly agents: readonly string[];
  /** Clients' own files that can get the gateway's entry. */
  readonly files: readonly ClientFile[];
  /** Whether servers of the working folder are offered as chosen. */
  readonly trustsFolder: boolean;
  /** Names of agents to suggest. */
  readonly offered: readonly string[];
  readonly home: string;
  /** The files that are always written, as they are shown. */
  readonly own: readonly string[];
  /** Starts servers, all or only some, and lists their tools. */
  look(chosen: readonly OfferedServer[], only?: readonly string[]): Promise<Inspected>;
}

/**
 * Asks what to write. The suggested answers change no file but the gateway's own.
 *
 * @returns `undefined` if the person cancelled.
 */
export async function askPlan(
  questions: Questions,
  terminal: Terminal,
): Promise<Plan | undefined> {
  return await Prompter.run(terminal, async (prompter) => {
    prompter.begin("Agent MCP Gateway");
    const chosen = await askServers(prompter, questions);
    const inspected = await askInspect(prompter, chosen, questions);
    const agents = await askAgents(prompter, { chosen, inspected }, questions);
    const agentOf = await askAgentsOfClients(prompter, agents, questions);
    const rules = { agents, agentOf };
    const clients = await askClients(prompter, { servers: chosen, rules }, questions);
    const paths = [...questions.own, ...clients.map(({ file }) => file.shown)];
    if (!await prompter.confirm(`Write ${paths.join(", ")}?`, true)) prompter.cancel();
    const planned = describePlanned(chosen, { inspected, home: questions.home });
    return { servers: planned, agents, clients, agentOf };
  });
}

async function askServers(prompter: Prompter, questions: Questions): Promise<OfferedServer[]> {
  const { servers, trustsFolder, home } = questions;
  if (servers.length === 0) return [];
  const isOffered = ({ server, clashes }: OfferedServer) =>
    server.entry.disabled !== true && !clashes && (server.file.scope === "user" || trustsFolder);
  const choices = servers.map((server) => ({
    value: server.name,
    label: server.name,
    hint: describeServer(server, home),
  }));
  const offered = servers.filter(isOffered).map(({ name }) => name);
  const message = "Which servers go behind the gateway?";
  const names = await prompter.chooseSome(message, { choices, initialValues: offered });
  const taken = servers.filter(({ name }) => names.includes(name));
  const scopes = scopeLines(taken);
  if (scopes.length > 0) prompter.note(scopes.join("\n"));
  return taken;
}

async function askInspect(
  prompter: Prompter,
  chosen: readonly OfferedServer[],
  { kept, look }: Questions,
): Promise<Inspected> {
  const count = chosen.length + kept.length;
  if (count === 0) return new Map();
  const what = count === 1 ? "the server" : `the ${count} servers`;
  const message =
    `Start ${what} once, to see what their tools do? init makes the rules from that ` +
    "(30 seconds at most, 120 for packages that npx or uvx must download; Ctrl-C skips it)";
  if (!await prompter.confirm(count === 1 ? message.replace("their", "its") : message, true)) {
    return new Map();
  }
  const inspected = new Map(await look(chosen));
  for (let looked: Inspected = inspected;;) {
    const lines = [...looked].map(([name, { tools = [], failure }]) =>
      failure === undefined
        ? `✓ ${name}: ${pluralize(tools.length, "tool")}`
        : `✗ ${name}: failed: ${failure}`
    );
    if (lines.length > 0) prompter.note(lines.join("\n"));
    const silent = [...inspected].filter(([, { isSilent }]) => isSilent === true);
    if (silent.length === 0 || !await askAgain(prompter, silent)) return inspected;
    looked = await look(chosen, silent.map(([name]) => name));
    for (const [name, server] of looked) inspected.set(name, server);
  }
}

async function askAgain(
  prompter: Prompter,
  silent: readonly (readonly [name: string, server: InspectedServer])[],
): Promise<boolean> {
  const fills = silent.flatMap(([, { fill }]) => fill === undefined ? [] : [fill]);
  if (fills.length > 0) {
    const where = fills.length === 1
      ? "This command downloads its package"
      : "These commands download their packages";
    prompter.note(
      `${where}; run it in another terminal if trying again does not help:\n` +
        [...new Set(fills)].map((fill) => `  ${fill}`).join("\n"),
    );
  }
  const names = silent.map(([name]) => name).join(", ");
  return await prompter.choose(`${names} did not answer in time`, [
    { value: true, label: "Try again" },
    { value: false, label: "Go on without its tools", hint: "the rules can be completed later" },
  ]);
}

interface Known {
  readonly chosen: readonly OfferedServer[];
  readonly inspected: Inspected;
}

async function askAgents(
  prompter: Prompter,
  known: Known,
  questions: Questions,
): Promise<AgentPlan[]> {
  const text = await prompter.text(
    "Which agents use the gateway? One name, or several separated by commas",
    {
      defaultValue: questions.offered.join(", "),
      validate: (value) => {
        const names = splitNames(value);
        if (names.length === 0) return "At least one agent needs a name";
        const bad = names.find((name) => !isAgentId(name));
        return bad === undefined
          ? undefined
          : `${bad} is not an agent name: expected ${agentIdShape}`;
      },
    },
  );
  const names = splitNames(text);
  const agents: AgentPlan[] = [];
  for (const name of names) {
    const added = known.chosen.map((server) => server.name);
    // The rules already say what an agent may do with the servers that it has.
    const servers = questions.agents.includes(name) ? added : [...questions.kept, ...added];
    const allowed = names.length === 1 || servers.length === 0
      ? servers
      : await prompter.chooseSome(
        `Which servers may ${name} use?`,
        {
          choices: servers.map((value) => ({ value, label: value })),
          initialValues: servers.filter((server) =>
            known.inspected.get(server)?.failure === undefined
          ),
        },
      );
    agents.push(await askTools(prompter, { name, servers: allowed }, known));
  }
  return agents;
}

async function askTools(
  prompter: Prompter,
  { name, servers }: { readonly name: string; readonly servers: readonly string[] },
  { chosen, inspected }: Known,
): Promise<AgentPlan> {
  const choice = { servers, planned: chosen, inspected };
  if (servers.length === 0) {
    return planAgent(name, { ...choice, access: "all", allowsUndescribed: true });
  }
  const described = servers.filter((server) => hasToolHints(inspected.get(server)));
  const undescribed = servers.filter((server) => !described.includes(server));
  const access = described.length === 0
    ? "read"
    : await prompter.choose(`Which tools may ${name} call?`, accessChoices(described, inspected));
  if (access === "all" || undescribed.length === 0) {
    return planAgent(name, { ...choice, access, allowsUndescribed: true });
  }
  const list = undescribed.join(", ");
  const message = described.length === 0
    ? `Which tools may ${name} call? Nothing says what the tools of ${list} do`
    : `Nothing says what the tools of ${list} do. May ${name} call them?`;
  const allowsUndescribed = await prompter.choose(message, [
    { value: false, label: "None of them, until you write them into the rules" },
    { value: true, label: "All of them" },
  ]);
  return planAgent(name, { ...choice, access, allowsUndescribed });
}

function accessChoices(servers: readonly string[], inspected: Inspected): Choice<Access>[] {
  const tools = servers.flatMap((server) => inspected.get(server)?.tools ?? []);
  const all = pluralize(tools.length, "tool");
  const count = (access: Access) => allowedTools(tools, access).length;
  const hint = "according to the servers";
  const some = (value: Access, which: string) => {
    return { value, label: `${count(value)} of ${all}: those that ${which}`, hint };
  };
  return [
    { value: "all", label: "All tools, including those that its servers add later" },
    some("careful", "are not destructive"),
    some("read", "only read"),
  ];
}

/** With several agents, each client's entry has to name one. */
async function askAgentsOfClients(
  prompter: Prompter,
  agents: readonly AgentPlan[],
  { files }: Questions,
): Promise<Map<ClientId, string>> {
  const agentOf = new Map<ClientId, string>();
  if (agents.length < 2) return agentOf;
  for (const client of new Set(files.flatMap(({ client }) => client ?? []))) {
    const choices = agents.map(({ name }) => ({ value: name, label: name }));
    const message = `Which agent's rules apply to ${clientTitle(client)}?`;
    const present = files.find((file) => file.client === client && file.entryAgent !== undefined);
    const own = agents.find(({ name }) => name === present?.entryAgent)?.name;
    agentOf.set(client, await prompter.choose(message, choices, own));
  }
  return agentOf;
}

async function askClients(
  prompter: Prompter,
  { servers, rules }: {
    readonly servers: readonly OfferedServer[];
    readonly rules: Pick<Plan, "agents" | "agentOf">;
  },
  { files }: Questions,
): Promise<ClientPlan[]> {
  if (files.length === 0) return [];
  const isIn = ({ path }: ClientFile) => ({ file }: FoundServer) => file.path === path;
  const moved = (file: ClientFile) =>
    // A TOML table is not removed: it may hold more than the server.
    file.language === "toml" ? [] : servers.flatMap(({ sources }) => sources).filter(isIn(file));
  const chosen = await prompter.chooseSome(
    "Write the gateway's entry into which clients? None is changed unless you choose it",
    {
      choices: files.map(({ path, title, shown, isNew }) => ({
        value: path,
        label: title,
        hint: isNew ? `${shown}, a new file` : `${shown}, with a backup`,
      })),
      initialValues: [],
    },
  );
  const into = files.filter(({ path }) => chosen.includes(path));
  const count = into.flatMap(moved).length;
  const changed = into.filter((file) => moved(file).length > 0);
  const titles = listTitles(changed);
  const kept = into.filter((file) =>
    !changed.includes(file) &&
    servers.some(({ sources }) => sources.some(isIn(file)))
  );
  if (count > 0 && kept.length > 0) {
    const what =
      "init does not remove servers from this file. Remove them yourself, or the client " +
      "loads them beside the gateway";
    prompter.note(`${listTitles(kept)}: ${what}`);
  }
  for (const file of count > 0 ? changed : []) {
    const name = agentFor(rules, file.client);
    const agent = rules.agents.find((one) => one.name === name);
    const lost = servers.filter((server) =>
      server.sources.some(isIn(file)) &&
      (agent?.servers.includes(server.name) !== true || agent.tools[server.name]?.length === 0)
    );
    if (lost.length === 0) continue;
    const names = lost.map((server) => server.name).join(", ");
    prompter.note(`If they are removed, ${file.title} will no longer reach: ${names}`);
  }
  const them = count === 1 ? "it" : `the ${count}`;
  const takeOut = count > 0 && await prompter.choose(
    `What about the servers that ${titles} ${changed.length === 1 ? "has" : "have"} now?`,
    [
      {
        value: false,
        label: "Leave them beside the gateway",
        hint: "the client still loads them, and the rules do not apply to them",
      },
      {
        value: true,
        label: `Remove ${them} from ${titles}: the gateway serves them instead`,
        hint: "saves context, and the rules apply; init --undo puts them back",
      },
    ],
  );
  return into.map((file) => ({ file, takeOut: takeOut && moved(file).length > 0 }));
}

function listTitles(files: readonly ClientFile[]): string {
  const titles = new Set(files.map(({ title }) => title));
  return new Intl.ListFormat("en-GB").format(titles);
}

function splitNames(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter((name) => name !== ""))];
}
