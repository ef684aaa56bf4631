import type { ConfigProblem, Configuration } from "../config/mod.ts";
import type { CallArguments, Policy } from "../policy/mod.ts";
import {
  agentFlag,
  defineCommand,
  FILE_FLAGS,
  JSON_FLAG,
  type Output,
  serverFlag,
  switchFlag,
  textFlag,
} from "./command.ts";
import { findCause } from "./doctor_finding.ts";
import { UsageError } from "./error_report.ts";
import {
  type AgentRow,
  type CallDetails,
  type DecisionSubject,
  explainDecision,
  type PrintedDecision,
  type ServerRow,
} from "./explain_decision.ts";
import { agentsText, decisionText, serversText, SHADOW_NOTE } from "./explain_text.ts";
import { compileRules, readOfferedName } from "../gateway/mod.ts";
import { foldProblems } from "./fold_problems.ts";
import { openCatalogs } from "./open_catalogs.ts";
import { openConfiguration, type OpenedConfiguration } from "./open_configuration.ts";
import { type Probe, withStartedServers } from "./probe.ts";
import { RememberedCatalogs } from "./remembered_catalogs.ts";
import { suggestName } from "./resolve_names.ts";
import { readJson } from "../exact_json.ts";
import { isRecord } from "../json.ts";
import { OWN_SERVER } from "../own_server.ts";
import { escapeLines } from "../text.ts";
import { jsonOutput } from "./terminal.ts";
import { findShare, type SharedKind } from "./share.ts";
import {
  addRememberedItems,
  findUnmatchedEntries,
  findUnmatchedRemembered,
  listKnownItems,
  selectRulesWarnings,
} from "./unmatched_rules.ts";
import { withOwnServer } from "./with_own_server.ts";

/** The exit code of each decision. */
const EXIT_CODES: Readonly<Record<PrintedDecision["decision"], number>> = {
  allow: 0,
  deny: 3,
  ask: 4,
  depends: 5,
};

export const command = defineCommand({
  about: "Says whether an agent may use a tool, resource or prompt, by which entry of the rules, " +
    "and the steps before it. Without one of them it starts the agent's servers, and lists all " +
    "that they offer with the decisions. Exit codes: 0 allowed or a table, 3 denied, 4 if a " +
    "person has to approve each call, 5 if it depends on arguments or annotations that are not known.",
  example: "agent-mcp-gateway explain --agent researcher --server postgres --tool drop_table",
  flags: {
    agent: agentFlag("The agent that the decision is about"),
    server: serverFlag("The server that the decision is about"),
    tool: textFlag("The tool that the decision is about", { placeholder: "tool" }),
    resource: textFlag("The URI of the resource that the decision is about", {
      placeholder: "uri",
    }),
    prompt: textFlag("The prompt that the decision is about, by its name on the server", {
      placeholder: "prompt",
    }),
    args: textFlag("The arguments of the call that the decision is about: a JSON object", {
      placeholder: "json",
    }),
    all: switchFlag("Show a table of agents and servers"),
    json: JSON_FLAG,
    ...FILE_FLAGS,
  },
  async run({ flags, stdout, stderr }) {
    const { agent, server, resource, args: argsText, all, json, ...files } = flags;
    let { tool, prompt } = flags;
    if (agent === undefined && !all) {
      throw new UsageError("Name an agent with --agent, or ask for all of them with --all");
    }
    const [item, otherItem] = (["tool", "resource", "prompt"] as const)
      .filter((kind) => flags[kind] !== undefined);
    if (otherItem !== undefined) {
      throw new UsageError(
        `Leave out --${item} or --${otherItem}: a decision is about one of them`,
      );
    }
    if (item !== undefined && server === undefined) {
      throw new UsageError(`Name the server of the ${item} with --server`);
    }
    if (item !== undefined && all) {
      throw new UsageError(
        `Leave out --${item} or --all: the table of --all shows agents and servers, but no ${item}s`,
      );
    }
    if (argsText !== undefined && tool === undefined) {
      throw new UsageError("Name the tool of the arguments with --tool");
    }
    const args = argsText === undefined ? undefined : readArguments(argsText);
    const opened = withOwnServer(await openConfiguration(files));
    const { configuration } = opened;
    const policy = compileRules(configuration);
    noteUnknownNames(flags, configuration, stderr);
    const toOwnName = (name: string | undefined) =>
      readOwnName(name, { server, maxNameLength: opened.settings.maxNameLength, stderr });
    [tool, prompt] = [toOwnName(tool), toOwnName(prompt)];
    printWarnings(selectRulesWarnings(configuration, agent), stderr);
    const print = (value: unknown, text: () => string): void => {
      stdout.write(json ? jsonOutput(JSON.stringify(value)) : text());
    };
    const isShadowed = agent !== undefined &&
      configuration.rules.agents.get(agent)?.isShadowed === true;
    const mode = isShadowed ? { shadow: true } as const : {};
    const catalogs = new RememberedCatalogs(configuration, openCatalogs(opened.log));
    const warnUnmatched = async (): Promise<void> => {
      const file = opened.files.rules.displayPath;
      printWarnings(
        await findUnmatchedRemembered(configuration, { catalogs, file, agent }),
        stderr,
      );
    };
    if (all || agent === undefined) {
      await warnUnmatched();
      const rows = decideServers(flags, configuration, policy);
      print({ agents: rows }, () => agentsText(rows));
      return 0;
    }
    if (server !== undefined || !policy.has(agent)) {
      // An agent that is not in the rules is denied everything, whatever the server.
      const subject = { agent, server, tool, resource, prompt };
      const explanation = explainDecision(policy, { ...subject, args });
      if (item !== undefined || explanation.decision === "deny" || server === undefined) {
        await warnUnmatched();
        print({ ...subject, ...mode, ...explanation }, () => {
          return decisionText(subject, explanation, { isShadowed });
        });
        return EXIT_CODES[explanation.decision];
      }
      const rows = await decideOffers(opened, {
        policy,
        agent,
        servers: [server],
        catalogs,
        stderr,
      });
      print(
        { ...subject, ...mode, ...explanation, servers: rows },
        () => {
          const [offers] = rows;
          return `${decisionText(subject, explanation, { offers, isShadowed })}\n${
            serversText(rows)
          }`;
        },
      );
      return 0;
    }
    const servers = [...configuration.servers.keys()];
    const rows = await decideOffers(opened, { policy, agent, servers, catalogs, stderr });
    print({ agent, ...mode, servers: rows }, () => {
      return `${isShadowed ? `${SHADOW_NOTE}\n\n` : ""}${serversText(rows)}`;
    });
    return 0;
  },
});

/** Returns the name of a tool or prompt on its server; translates the name under which clients see it. */
function readOwnName(
  name: string | undefined,
  { server, maxNameLength, stderr }: {
    readonly server: string | undefined;
    readonly maxNameLength: number;
    readonly stderr: Output;
  },
): string | undefined {
  const offered = name === undefined ? undefined : readOfferedName(name, maxNameLength);
  if (offered === undefined || offered.server !== server) return name;
  const note = `Clients see "${offered.name}" as "${name}": the rules know it by the first name`;
  stderr.write(`${escapeLines(note)}\n`);
  return offered.name;
}

/** Reads the arguments of a call, as the gateway does. */
function readArguments(text: string): CallArguments {
  const problem = 'The arguments must be a JSON object, such as \'{"path": "/srv/notes/a.txt"}\'';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${problem} (${reason})`);
  }
  if (!isRecord(value)) throw new UsageError(problem);
  if (readJson(text)?.hasDuplicateKeys === true) {
    throw new UsageError("The arguments have a key twice in one object: give each key once");
  }
  return { json: text, value };
}

interface NameFlags {
  readonly agent?: string | undefined;
  readonly server?: string | undefined;
}

/** Starts the servers that the agent may use, and decides about everything that they offer. */
async function decideOffers(
  opened: OpenedConfiguration,
  { policy, agent, servers, catalogs, stderr }: {
    readonly policy: Policy;
    readonly agent: string;
    readonly servers: readonly string[];
    readonly catalogs: RememberedCatalogs;
    readonly stderr: Output;
  },
): Promise<ServerRow[]> {
  const { files, configuration } = opened;
  // A denied server is not started: everything of it is denied, too.
  const allowedServers = servers.filter((name) => {
    return configuration.servers.has(name) &&
      policy.allows(agent, { kind: "server", server: name });
  });
  const probes = await withStartedServers(
    { opened, names: allowedServers, stderr, listsAll: true },
    (started) => started,
  );
  const listedItems = listKnownItems(probes, configuration.servers.keys());
  const knownItems = await addRememberedItems(catalogs, listedItems);
  printWarnings(
    findUnmatchedEntries(configuration.rules, {
      knownItems,
      file: files.rules.displayPath,
      agent,
    }),
    stderr,
  );
  const probesByServer = new Map(probes.map((probe) => [probe.config.name, probe]));
  return servers.map((server) => {
    const { decision, rule } = explainDecision(policy, { agent, server });
    const probe = probesByServer.get(server);
    const row = { server, decision, rule };
    if (decision === "deny") return row;
    if (probe === undefined) return { ...row, error: "not configured" };
    if (probe.tools === undefined) {
      const { message } = findCause(probe, { warnings: configuration.warnings });
      return { ...row, error: message.replaceAll("\n", " ") };
    }
    return { ...row, ...decideItems(probe, { policy, agent }) };
  });
}

/** Decides about everything that a server offers. */
function decideItems(
  { config: { name: server }, tools = [], offered = {} }: Probe,
  { policy, agent }: { readonly policy: Policy; readonly agent: string },
): Partial<ServerRow> {
  const { resources = [], templates = [], prompts = [] } = offered;
  const decide = (
    subject: Omit<DecisionSubject, "agent" | "server"> & CallDetails,
  ): PrintedDecision => {
    const { decision, rule } = explainDecision(policy, { agent, server, ...subject });
    return { decision, rule };
  };
  return {
    tools: tools.map(({ name, definition }) => ({
      tool: name,
      ...decide({ tool: name, listed: definition }),
    })),
    ...(resources.length > 0 && {
      resources: resources.map(({ name }) => ({ resource: name, ...decide({ resource: name }) })),
    }),
    ...(templates.length > 0 && {
      templates: templates.map(({ name }) => ({ template: name, ...decide({ resource: name }) })),
    }),
    ...(prompts.length > 0 && {
      prompts: prompts.map(({ name }) => ({ prompt: name, ...decide({ prompt: name }) })),
    }),
  };
}

function printWarnings(problems: readonly ConfigProblem[], stderr: Output): void {
  for (const line of foldProblems(problems)) stderr.write(`${escapeLines(`Warning: ${line}`)}\n`);
}

function decideServers(
  { agent, server }: NameFlags,
  { rules, servers }: Configuration,
  policy: Policy,
): AgentRow[] {
  const agents = agent === undefined ? [...rules.agents.keys()] : [agent];
  const names = server === undefined ? [...servers.keys()] : [server];
  return agents.map((agent) => ({
    agent,
    servers: names.map((server) => {
      const { decision, rule } = explainDecision(policy, { agent, server });
      const row = { server, decision, rule };
      if (decision === "deny") return row;
      const shareOf = (kind: SharedKind) => findShare({ agent, server, kind }, { rules, policy });
      const [tools, resources, prompts] = [
        shareOf("tools"),
        shareOf("resources"),
        shareOf("prompts"),
      ];
      return { ...row, tools, resources, prompts };
    }),
  }));
}

/** Prints a note for each unknown name, which may be misspelled: the policy decides about unknown names, too. */
function noteUnknownNames(
  { agent, server }: NameFlags,
  { rules, servers }: Configuration,
  stderr: Output,
): void {
  const note = (kind: string, name: string, known: Iterable<string>, predicate: string): void => {
    const hint = suggestName(name, known);
    stderr.write(`${escapeLines(`The ${kind} "${name}" is not ${predicate}${hint}`)}\n`);
  };
  if (agent !== undefined && !rules.agents.has(agent)) {
    note("agent", agent, rules.agents.keys(), "in the rules");
  }
  if (server !== undefined && server !== OWN_SERVER && !servers.has(server)) {
    note("server", server, servers.keys(), "configured");
  }
}
