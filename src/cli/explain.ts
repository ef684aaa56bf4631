import type { ConfigProblem, Configuration } from "../config/mod.ts";
import { compilePolicy, type Explanation, type Policy, type StepName } from "../policy/mod.ts";
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
import { foldProblems } from "./fold_problems.ts";
import { openConfiguration, type OpenedConfiguration } from "./open_configuration.ts";
import { withStartedServers } from "./probe.ts";
import { suggestName } from "./resolve_names.ts";
import { type Color, colored, type Column, paragraph, table } from "./table.ts";
import { escapeControls, escapeLines } from "../text.ts";
import { jsonOutput, pluralize, styleOf, type TerminalStyle } from "./terminal.ts";
import { findToolShare, type ToolShare } from "./tool_share.ts";
import { findUnmatchedTools, listKnownTools, selectRulesWarnings } from "./unmatched_rules.ts";

/** Exit code of a denial. */
const DENIED = 3;

export const command = defineCommand({
  about: "Says whether an agent may use a tool, by which entry of the rules, and the " +
    "steps before it. Without --tool it starts the agent's servers, and lists all their " +
    "tools with the decisions. Exit codes: 0 allowed or a table, 3 denied.",
  example: "agent-mcp-gateway explain --agent researcher --server postgres --tool drop_table",
  flags: {
    agent: agentFlag("The agent that the decision is about"),
    server: serverFlag("The server that the decision is about"),
    tool: textFlag("The tool that the decision is about", { placeholder: "tool" }),
    all: switchFlag("Show a table of agents and servers"),
    json: JSON_FLAG,
    ...FILE_FLAGS,
  },
  async run({ flags, stdout, stderr }) {
    const { agent, server, tool, all, json, ...files } = flags;
    if (agent === undefined && !all) {
      throw new UsageError("Name an agent with --agent, or ask for all of them with --all");
    }
    if (tool !== undefined && server === undefined) {
      throw new UsageError("Name the server of the tool with --server");
    }
    if (tool !== undefined && all) {
      throw new UsageError(
        "Leave out --tool or --all: the table of --all shows agents and servers, but no tools",
      );
    }
    const opened = await openConfiguration(files);
    const { configuration } = opened;
    const policy = compilePolicy(configuration.rules);
    noteUnknownNames(flags, configuration, stderr);
    printWarnings(selectRulesWarnings(configuration, agent), stderr);
    const print = (value: unknown, text: () => string): void => {
      stdout.write(json ? jsonOutput(JSON.stringify(value)) : text());
    };
    if (all || agent === undefined) {
      const rows = decideServers(flags, configuration, policy);
      print({ agents: rows }, () => matrixText(rows));
      return 0;
    }
    if (server !== undefined || !policy.has(agent)) {
      // An agent that is not in the rules is denied everything, whatever the server.
      const subject = { agent, server, tool };
      const explanation = explainDecision(policy, subject);
      if (tool !== undefined || explanation.decision === "deny" || server === undefined) {
        print({ ...subject, ...explanation }, () => decisionText(subject, explanation));
        return explanation.decision === "allow" ? 0 : DENIED;
      }
      const rows = await decideTools(opened, { policy, agent, servers: [server], stderr });
      print(
        { ...subject, ...explanation, servers: rows },
        () =>
          `${decisionText({ ...subject, tools: rows[0]?.tools }, explanation)}\n${toolsText(rows)}`,
      );
      return 0;
    }
    const servers = [...configuration.servers.keys()];
    const rows = await decideTools(opened, { policy, agent, servers, stderr });
    print({ agent, servers: rows }, () => toolsText(rows));
    return 0;
  },
});

interface NameFlags {
  readonly agent?: string | undefined;
  readonly server?: string | undefined;
}

/**
 * Returns the policy's decision about a tool, or about a server if no tool is named, with the steps to
 * it. Without a server, the question is about a server that no rule names.
 */
function explainDecision(
  policy: Policy,
  { agent, server = "", tool }: DecisionSubject,
): PrintedExplanation {
  const question = tool === undefined
    ? { kind: "server", server } as const
    : { kind: "tool", server, tool } as const;
  return toPrintedExplanation(policy.explain(agent, question));
}

/** Starts the servers that the agent may use, and decides about each of their tools. */
async function decideTools(
  opened: OpenedConfiguration,
  { policy, agent, servers, stderr }: {
    readonly policy: Policy;
    readonly agent: string;
    readonly servers: readonly string[];
    readonly stderr: Output;
  },
): Promise<ServerRow[]> {
  const { files, configuration } = opened;
  // A denied server is not started: all its tools are denied, too.
  const allowedServers = servers.filter((name) => {
    return configuration.servers.has(name) &&
      policy.allows(agent, { kind: "server", server: name });
  });
  const probes = await withStartedServers(
    { opened, names: allowedServers, stderr },
    (started) => started,
  );
  const knownTools = listKnownTools(probes, configuration.servers.keys());
  printWarnings(
    findUnmatchedTools(configuration.rules, {
      known: knownTools,
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
    const toolDecisions = probe.tools.map(({ name }) => {
      const { decision, rule } = explainDecision(policy, { agent, server, tool: name });
      return { tool: name, decision, rule };
    });
    return { ...row, tools: toolDecisions };
  });
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
      return { ...row, tools: findToolShare({ agent, server }, { rules, policy }) };
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
  if (server !== undefined && !servers.has(server)) {
    note("server", server, servers.keys(), "configured");
  }
}

/** A decision, in the JSON that is printed. */
interface PrintedDecision {
  readonly decision: "allow" | "deny";
  /** Path of the entry that decided, or of the list in which no entry allows the access. */
  readonly rule: string;
}

/** A decision and the steps that led to it; the last step has `found`. */
interface PrintedExplanation extends PrintedDecision {
  readonly steps: readonly {
    readonly step: StepName;
    /** The lists that were searched. */
    readonly searched: readonly string[];
    readonly found?: PrintedDecision;
  }[];
}

/** The decisions about a server and its tools. */
interface ServerRow extends PrintedDecision {
  readonly server: string;
  readonly tools?: readonly (PrintedDecision & { readonly tool: string })[];
  /** The reason why the server's tools are not known. */
  readonly error?: string;
}

/** The decisions about an agent's use of each server. */
interface AgentRow {
  readonly agent: string;
  readonly servers: readonly (PrintedDecision & {
    readonly server: string;
    /** The share of the server's tools that the agent may call, if it may use the server. */
    readonly tools?: ToolShare;
  })[];
}

/** The names that a decision is about. */
interface DecisionSubject {
  readonly agent: string;
  readonly server?: string | undefined;
  readonly tool?: string | undefined;
  /** The decisions about the server's tools, if they are known. */
  readonly tools?: readonly PrintedDecision[] | undefined;
}

function toPrintedExplanation({ effect, rule, steps }: Explanation): PrintedExplanation {
  return {
    decision: effect,
    rule,
    steps: steps.map(({ name, searched, decision: found }) => ({
      step: name,
      searched,
      ...(found !== undefined && { found: { decision: found.effect, rule: found.rule } }),
    })),
  };
}

const colorOf = (cell: string): Color => {
  if (cell === "allow" || cell === "some tools") return "green";
  return cell === "deny" || cell === "no tools" ? "red" : "dim";
};

const DECISION: Column = { title: "DECISION", color: colorOf };

/** Formats one decision and the steps to it. */
function decisionText(
  { agent, server, tool, tools }: DecisionSubject,
  { decision, rule, steps }: PrintedExplanation,
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  const target = server === undefined
    ? "anything"
    : tool === undefined
    ? `server "${server}"`
    : `tool "${tool}" of server "${server}"`;
  const effect = colored(style, decision, colorOf(decision));
  const may = decision === "allow" ? "may use" : "may not use";
  const allowed = tools?.filter(({ decision }) => decision === "allow").length;
  const share = tools === undefined ? "" : `: ${allowed} of ${pluralize(tools.length, "tool")}`;
  const summary = `${effect}: ${escapeControls(`agent "${agent}" ${may} ${target}${share}`)}\n` +
    `rule: ${escapeControls(rule)}\n`;
  const rows = steps.map(({ step, searched, found }, index) => {
    const notFound = searched.length === 0 ? "no such list" : `no match in ${searched.join(", ")}`;
    return [String(index + 1), step, found ? `${found.decision} by ${found.rule}` : notFound];
  });
  const columns: Column[] = [{ title: "", isNumber: true }, { title: "STEP" }, { title: "FOUND" }];
  return `${summary}\n${table({ columns, rows }, style)}`;
}

/** Formats the decisions about an agent's servers and tools. */
function toolsText(
  rows: readonly ServerRow[],
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  const tableRows = rows.flatMap(({ server, decision, rule, tools, error }) => {
    if (tools === undefined) return [[server, "*", error === undefined ? decision : "?", rule]];
    if (tools.length === 0) return [[server, "(none)", decision, rule]];
    return tools.map(({ tool, decision, rule }) => [server, tool, decision, rule]);
  });
  const columns = [{ title: "SERVER" }, { title: "TOOL" }, DECISION, { title: "RULE" }];
  const failures = rows.filter(({ error }) => error !== undefined).map(({ server, error }) => {
    const text = `${server}: its tools are not known: ${error}; agent-mcp-gateway doctor says more`;
    return paragraph(text, style);
  });
  const notes = failures.length === 0 ? "" : `\n${failures.join("")}`;
  return table({ columns, rows: tableRows }, style) + notes;
}

/** Maximum width of an agent's column. */
const MAX_AGENT_WIDTH = 16;

/** Formats servers as rows and agents as columns, in several tables if the columns do not fit. */
function matrixText(
  agents: readonly AgentRow[],
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  const servers = agents[0]?.servers.map(({ server }) => server) ?? [];
  const longest = Math.max("SERVER".length, ...servers.map((server) => [...server].length));
  const firstWidth = Math.min(longest, Math.floor(style.columns / 2));
  const blocks: AgentRow[][] = [];
  let columnsLeft = 0;
  for (const row of agents) {
    const width = Math.min(MAX_AGENT_WIDTH, Math.max("some tools".length, [...row.agent].length)) +
      2;
    columnsLeft -= width;
    if (columnsLeft < 0 || blocks.length === 0) {
      blocks.push([]);
      columnsLeft = style.columns - firstWidth - width;
    }
    blocks.at(-1)?.push(row);
  }
  if (blocks.length === 0) blocks.push([]);
  return blocks.map((block) => {
    const columns = block.map(({ agent }) => ({
      title: cutMiddle(agent, MAX_AGENT_WIDTH),
      color: colorOf,
    }));
    const cells = servers.map((server, index) => {
      const shares = block.map(({ servers }) => {
        const { decision = "", tools } = servers[index] ?? {};
        return tools === "some" ? "some tools" : tools === "none" ? "no tools" : decision;
      });
      return [server, ...shares];
    });
    return table({ columns: [{ title: "SERVER" }, ...columns], rows: cells }, style);
  }).join("\n");
}

/** Cuts the middle of a long name, where names differ least. */
function cutMiddle(name: string, width: number): string {
  const letters = [...name];
  if (letters.length <= width) return name;
  const end = Math.floor((width - 1) / 2);
  return [...letters.slice(0, width - 1 - end), "…", ...letters.slice(-end)].join("");
}
