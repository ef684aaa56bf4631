import { AGENT_ID_SHAPE, isAgentId } from "../../agent_id.ts";
import { describeInspectedServers } from "./describe_tools.ts";
import { type Choice, Prompter, type Terminal } from "./prompter.ts";
import { askFaces } from "./ask_faces.ts";
import { type ClientId, clientTitle } from "./clients.ts";
import type { ClientFile, FoundServer } from "./find_servers.ts";
import type { InspectedServer, InspectedServers } from "./inspect_servers.ts";
import { describeChoice, type OfferedServer, scopeLines } from "./merge_servers.ts";
import {
  type Access,
  addDescriptions,
  agentFor,
  type AgentNames,
  type AgentPlan,
  allowedTools,
  type ClientPlan,
  hasNoTool,
  hasToolHints,
  type Plan,
  planAgent,
  type UndescribedAccess,
} from "./plan.ts";
import { pluralize } from "../terminal.ts";

/** Options of `askPlan`: the servers, agents and clients that the questions offer. */
export interface AskOptions {
  readonly servers: readonly OfferedServer[];
  /** Names of the servers in the gateway's servers file. */
  readonly existingServers: readonly string[];
  /** Names of the agents in the rules file. */
  readonly existingAgents: readonly string[];
  /** The user files of clients, into which `init` can write the gateway's entry. */
  readonly clientFiles: readonly ClientFile[];
  /** Whether servers from files of the working folder are preselected. */
  readonly trustsFolder: boolean;
  /** Whether starting the existing servers is suggested: those of the working folder may be a stranger's. */
  readonly startsExisting: boolean;
  /** Names of agents to suggest. */
  readonly suggestedAgents: readonly string[];
  readonly home: string;
  /** The gateway's own files, which are always written, as shown to the person. */
  readonly gatewayFiles: readonly string[];
  /**
   * Starts the existing and the chosen servers, and lists their tools.
   *
   * @param only Names of the servers to start; default: all.
   */
  inspect(
    chosenServers: readonly OfferedServer[],
    only?: readonly string[],
  ): Promise<InspectedServers>;
}

/**
 * Asks the person what to write. The suggested answers change only the gateway's own files.
 *
 * @returns `undefined` if the person cancelled.
 */
export async function askPlan(
  options: AskOptions,
  terminal: Terminal,
): Promise<Plan | undefined> {
  return await Prompter.run(terminal, async (prompter) => {
    prompter.begin("Agent MCP Gateway");
    const chosenServers = await askServers(prompter, options);
    const inspectedServers = await askToInspect(prompter, chosenServers, options);
    const agents = await askAgents(prompter, { chosenServers, inspectedServers }, options);
    const agentByClient = await askAgentsOfClients(prompter, agents, options);
    const unchangedAgents = options.existingAgents.filter((name) =>
      agents.every((agent) => agent.name !== name)
    );
    const rules = { agents, unchangedAgents, agentByClient };
    const chosenClients = await askClients(prompter, { servers: chosenServers, rules }, options);
    const clients = await askFaces(chosenClients, { prompter, rules, inspectedServers });
    const paths = [...options.gatewayFiles, ...clients.map(({ file }) => file.displayPath)];
    if (!await prompter.confirm(`Write ${paths.join(", ")}?`, true)) prompter.cancel();
    const plannedServers = addDescriptions(chosenServers, { inspectedServers, home: options.home });
    return { servers: plannedServers, ...rules, clients };
  });
}

async function askServers(prompter: Prompter, options: AskOptions): Promise<OfferedServer[]> {
  const { servers, trustsFolder, home } = options;
  if (servers.length === 0) return [];
  const isPreselected = ({ server, hasNameClash }: OfferedServer) =>
    server.entry.disabled !== true && !hasNameClash &&
    (server.file.scope === "user" || trustsFolder);
  const choices = servers.map((server) => ({
    value: server.name,
    label: server.name,
    hint: describeChoice(server, home),
  }));
  const preselected = servers.filter(isPreselected).map(({ name }) => name);
  const message = "Which servers go behind the gateway?";
  const names = await prompter.chooseSome(message, { choices, initialValues: preselected });
  const chosenServers = servers.filter(({ name }) => names.includes(name));
  const scopes = scopeLines(chosenServers);
  if (scopes.length > 0) prompter.note(scopes.join("\n"));
  return chosenServers;
}

async function askToInspect(
  prompter: Prompter,
  chosenServers: readonly OfferedServer[],
  { existingServers, startsExisting, inspect }: AskOptions,
): Promise<InspectedServers> {
  const count = chosenServers.length + existingServers.length;
  if (count === 0) return new Map();
  const serversText = count === 1 ? "the server" : `the ${count} servers`;
  const message =
    `Start ${serversText} once, to see what their tools do? init makes the rules from that ` +
    "(30 seconds at most, 120 for packages that npx or uvx must download; Ctrl-C skips it)";
  const isSuggested = startsExisting || existingServers.length === 0;
  const question = count === 1 ? message.replace("their", "its") : message;
  if (!await prompter.confirm(question, isSuggested)) return new Map();
  const inspectedServers = new Map(await inspect(chosenServers));
  for (let latest: InspectedServers = inspectedServers;;) {
    if (latest.size > 0) prompter.note(describeInspectedServers(latest));
    const timedOutServers = [...inspectedServers].filter(([, { hasTimedOut }]) =>
      hasTimedOut === true
    );
    if (timedOutServers.length === 0 || !await askToRetry(prompter, timedOutServers)) {
      return inspectedServers;
    }
    latest = await inspect(chosenServers, timedOutServers.map(([name]) => name));
    for (const [name, server] of latest) inspectedServers.set(name, server);
  }
}

async function askToRetry(
  prompter: Prompter,
  timedOutServers: readonly (readonly [name: string, server: InspectedServer])[],
): Promise<boolean> {
  const downloadCommands = timedOutServers.flatMap(([, { downloadCommand }]) =>
    downloadCommand ?? []
  );
  if (downloadCommands.length > 0) {
    const intro = downloadCommands.length === 1
      ? "This command downloads its package"
      : "These commands download their packages";
    prompter.note(
      `${intro}; run it in another terminal if trying again does not help:\n` +
        [...new Set(downloadCommands)].map((command) => `  ${command}`).join("\n"),
    );
  }
  const names = timedOutServers.map(([name]) => name).join(", ");
  return await prompter.choose(`${names} did not answer in time`, [
    { value: true, label: "Try again" },
    { value: false, label: "Go on without its tools", hint: "the rules can be completed later" },
  ]);
}

interface Answers {
  readonly chosenServers: readonly OfferedServer[];
  readonly inspectedServers: InspectedServers;
}

async function askAgents(
  prompter: Prompter,
  answers: Answers,
  options: AskOptions,
): Promise<AgentPlan[]> {
  const answer = await prompter.text(
    "Which agents use the gateway? One name, or several separated by commas",
    {
      defaultValue: options.suggestedAgents.join(", "),
      validate: (value) => {
        const names = splitNames(value);
        if (names.length === 0) return "At least one agent needs a name";
        const invalid = names.find((name) => !isAgentId(name));
        return invalid === undefined
          ? undefined
          : `${invalid} is not an agent name: expected ${AGENT_ID_SHAPE}`;
      },
    },
  );
  const names = splitNames(answer);
  const agents: AgentPlan[] = [];
  for (const name of names) {
    const addedServers = answers.chosenServers.map((server) => server.name);
    // For an existing agent, the rules already decide about the existing servers.
    const servers = options.existingAgents.includes(name)
      ? addedServers
      : [...options.existingServers, ...addedServers];
    const allowedServers = names.length === 1 || servers.length === 0
      ? servers
      : await prompter.chooseSome(
        `Which servers may ${name} use?`,
        {
          choices: servers.map((value) => ({ value, label: value })),
          initialValues: servers.filter((server) =>
            answers.inspectedServers.get(server)?.failure === undefined
          ),
        },
      );
    agents.push(await askTools(prompter, { name, servers: allowedServers }, answers));
  }
  return agents;
}

async function askTools(
  prompter: Prompter,
  { name, servers }: { readonly name: string; readonly servers: readonly string[] },
  { chosenServers, inspectedServers }: Answers,
): Promise<AgentPlan> {
  const choice = { servers, importedServers: chosenServers, inspectedServers };
  const describedServers = servers.filter((server) => hasToolHints(inspectedServers.get(server)));
  const otherServers = servers.filter((server) => !describedServers.includes(server));
  const question = `Which tools may ${name} call?`;
  const list = otherServers.join(", ");
  if (servers.length === 0) {
    return planAgent(name, { ...choice, access: "all", undescribedAccess: "all" });
  }
  if (describedServers.length === 0) {
    const message = `${question} Nothing says what the tools of ${list} do`;
    const undescribedAccess = await prompter.choose(message, UNDESCRIBED_CHOICES);
    return planAgent(name, { ...choice, access: "read", undescribedAccess });
  }
  const access = await prompter.choose(question, accessChoices(describedServers, inspectedServers));
  if (access === "all" || access === "ask") {
    return planAgent(name, { ...choice, access, undescribedAccess: access });
  }
  if (otherServers.length === 0) {
    return planAgent(name, { ...choice, access, undescribedAccess: "none" });
  }
  const message = `Nothing says what the tools of ${list} do. May ${name} call them?`;
  const undescribedAccess = await prompter.choose(message, UNDESCRIBED_CHOICES);
  return planAgent(name, { ...choice, access, undescribedAccess });
}

/** The choices for servers that do not say what their tools do. */
const UNDESCRIBED_CHOICES: readonly Choice<UndescribedAccess>[] = [
  { value: "ask", label: "All of them, but a person is asked before each call" },
  { value: "all", label: "All of them, without asking" },
  { value: "none", label: "None of them, until you write them into the rules" },
];

function accessChoices(
  servers: readonly string[],
  inspectedServers: InspectedServers,
): Choice<Access>[] {
  const tools = servers.flatMap((server) => inspectedServers.get(server)?.tools ?? []);
  const toolCount = pluralize(tools.length, "tool");
  const countAllowed = (access: Access) => allowedTools(tools, access).length;
  const hint = "according to the servers";
  const choiceFor = (value: Access, which: string) => {
    return { value, label: `${countAllowed(value)} of ${toolCount}: those that ${which}`, hint };
  };
  const readCount = countAllowed("read");
  const exception = readCount === 0 ? "" : `, except of the ${readCount} that only read`;
  return [
    {
      value: "ask",
      label: `All tools, but a person is asked before each call${exception}`,
      hint: "in the client, or at a shell with agent-mcp-gateway approvals",
    },
    {
      value: "all",
      label: "All tools without asking, including those that its servers add later",
    },
    choiceFor("careful", "are not destructive"),
    choiceFor("read", "only read"),
  ];
}

/** Asks which agent each client acts as, if there are several agents. */
async function askAgentsOfClients(
  prompter: Prompter,
  agents: readonly AgentPlan[],
  { clientFiles }: AskOptions,
): Promise<Map<ClientId, string>> {
  const agentByClient = new Map<ClientId, string>();
  if (agents.length < 2) return agentByClient;
  for (const client of new Set(clientFiles.flatMap(({ client }) => client ?? []))) {
    const choices = agents.map(({ name }) => ({ value: name, label: name }));
    const message = `Which agent's rules apply to ${clientTitle(client)}?`;
    const fileWithEntry = clientFiles.find((file) =>
      file.client === client && file.entryAgent !== undefined
    );
    const currentAgent = agents.find(({ name }) => name === fileWithEntry?.entryAgent)?.name;
    agentByClient.set(client, await prompter.choose(message, choices, currentAgent));
  }
  return agentByClient;
}

async function askClients(
  prompter: Prompter,
  { servers, rules }: {
    readonly servers: readonly OfferedServer[];
    readonly rules: AgentNames;
  },
  { clientFiles }: AskOptions,
): Promise<ClientPlan[]> {
  if (clientFiles.length === 0) return [];
  const serversIn = (file: ClientFile) =>
    // A table in a TOML file is not removed, because it may contain more than the server.
    file.language === "toml" ? [] : servers.flatMap(({ sources }) => sources).filter(isIn(file));
  const chosenPaths = await prompter.chooseSome(
    "Write the gateway's entry into which clients? None is changed unless you choose it",
    {
      choices: clientFiles.map(({ path, title, displayPath, isNew }) => ({
        value: path,
        label: title,
        hint: isNew ? `${displayPath}, a new file` : `${displayPath}, with a backup`,
      })),
      initialValues: [],
    },
  );
  const chosenFiles = clientFiles.filter(({ path }) => chosenPaths.includes(path));
  const serverCount = chosenFiles.flatMap(serversIn).length;
  if (serverCount === 0) return chosenFiles.map((file) => ({ file, removesServers: false }));
  const editableFiles = chosenFiles.filter((file) => serversIn(file).length > 0);
  const otherFiles = chosenFiles.filter((file) => !editableFiles.includes(file));
  noteUnchangedFiles(prompter, otherFiles, servers);
  noteUnreachableServers(prompter, editableFiles, { servers, rules });
  const titles = listTitles(editableFiles);
  const removedText = serverCount === 1 ? "it" : `the ${serverCount}`;
  const removesServers = await prompter.choose(
    `What about the servers that ${titles} ${editableFiles.length === 1 ? "has" : "have"} now?`,
    [
      {
        value: false,
        label: "Leave them beside the gateway",
        hint: "the client still loads them, and the rules do not apply to them",
      },
      {
        value: true,
        label: `Remove ${removedText} from ${titles}: the gateway serves them instead`,
        hint: "saves context, and the rules apply; init --undo puts them back",
      },
    ],
  );
  return chosenFiles.map((file) => ({
    file,
    removesServers: removesServers && editableFiles.includes(file),
  }));
}

/** Returns a predicate for the servers that a client's file contains. */
function isIn({ path }: ClientFile): (server: FoundServer) => boolean {
  return ({ file }) => file.path === path;
}

/** Prints a note that `init` does not remove servers from files in TOML. */
function noteUnchangedFiles(
  prompter: Prompter,
  files: readonly ClientFile[],
  servers: readonly OfferedServer[],
): void {
  const filesWithServers = files.filter((file) =>
    servers.some(({ sources }) => sources.some(isIn(file)))
  );
  if (filesWithServers.length === 0) return;
  prompter.note(
    `${listTitles(filesWithServers)}: init does not remove servers from this file. Remove them ` +
      "yourself, or the client loads them beside the gateway",
  );
}

/** Prints, for each client, the servers that its agent may not use through the gateway. */
function noteUnreachableServers(
  prompter: Prompter,
  files: readonly ClientFile[],
  { servers, rules }: {
    readonly servers: readonly OfferedServer[];
    readonly rules: AgentNames;
  },
): void {
  for (const file of files) {
    const name = agentFor(rules, file.client);
    const agent = rules.agents.find((candidate) => candidate.name === name);
    const unreachableServers = servers.filter((server) =>
      server.sources.some(isIn(file)) &&
      (agent?.servers.includes(server.name) !== true || hasNoTool(agent, server.name))
    );
    if (unreachableServers.length === 0) continue;
    const names = unreachableServers.map((server) => server.name).join(", ");
    prompter.note(`If they are removed, ${file.title} will no longer reach: ${names}`);
  }
}

function listTitles(files: readonly ClientFile[]): string {
  const titles = new Set(files.map(({ title }) => title));
  return new Intl.ListFormat("en-GB").format(titles);
}

function splitNames(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter((name) => name !== ""))];
}
