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
import { counted, styleOf, type TerminalStyle } from "./terminal.ts";
import { findToolShare, type ToolShare } from "./tool_share.ts";
import { rulesWarnings, toolsOf, unmatchedTools } from "./unmatched_rules.ts";

/** Exit code of a denial. */
const DENIED = 3;

export const command = defineCommand({
  about: "Says whether an agent may use a tool, by which entry of the rules, and the " +
    "steps before it. Without --tool it lists all tools of the agent's servers with the " +
    "decisions; for that it starts them. Exit codes: 0 allowed or a table, 3 denied.",
  example: "agent-mcp-gateway explain --agent researcher --server postgres --tool drop_table",
  flags: {
    agent: agentFlag("The agent that the decision is about"),
    server: serverFlag("The server that the decision is about"),
    tool: textFlag("The tool that the decision is about", { placeholder: "tool" }),
    all: switchFlag("Show agents against servers"),
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
      throw new UsageError("Leave out --tool or --all: that table is of agents and servers");
    }
    const opened = await openConfiguration(files);
    const { configuration } = opened;
    const policy = compilePolicy(configuration.rules);
    noteUnknown(flags, configuration, stderr);
    warn(rulesWarnings(configuration, agent), stderr);
    const print = (value: unknown, text: () => string): void => {
      stdout.write(json ? `${JSON.stringify(value)}\n` : text());
    };
    if (all || agent === undefined) {
      const rows = matrix(flags, configuration, policy);
      print({ agents: rows }, () => matrixText(rows));
      return 0;
    }
    if (server !== undefined || !policy.has(agent)) {
      // An agent that is not in the rules is denied everything, whatever the server.
      const about = { agent, server, tool };
      const answer = ask(policy, about);
      if (tool !== undefined || answer.decision === "deny" || server === undefined) {
        print({ ...about, ...answer }, () => decisionText(about, answer));
        return answer.decision === "allow" ? 0 : DENIED;
      }
      const rows = await decideTools(opened, { policy, agent, servers: [server], stderr });
      print(
        { ...about, ...answer, servers: rows },
        () => `${decisionText({ ...about, tools: rows[0]?.tools }, answer)}\n${toolsText(rows)}`,
      );
      return 0;
    }
    const servers = [...configuration.servers.keys()];
    const rows = await decideTools(opened, { policy, agent, servers, stderr });
    print({ agent, servers: rows }, () => toolsText(rows));
    return 0;
  },
});

interface ExplainedNames {
  readonly agent?: string | undefined;
  readonly server?: string | undefined;
}

/** Asks the policy about a server or a tool; without a server, about any. */
function ask(
  policy: Policy,
  { agent, server = "", tool }: ExplainedQuestion,
): ExplainedAnswer {
  const question = tool === undefined
    ? { kind: "server", server } as const
    : { kind: "tool", server, tool } as const;
  return answerOf(policy.explain(agent, question));
}

/** The tools of servers, with the decisions about them. */
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
  // A server that is denied needs no list of tools.
  const wanted = servers.filter((name) => {
    return configuration.servers.has(name) &&
      policy.allows(agent, { kind: "server", server: name });
  });
  const probes = await withStartedServers({ opened, names: wanted, stderr }, (started) => started);
  const known = toolsOf(probes, configuration.servers.keys());
  warn(unmatchedTools(configuration.rules, { known, file: files.rules.shown, agent }), stderr);
  const byName = new Map(probes.map((probe) => [probe.config.name, probe]));
  return servers.map((server) => {
    const { decision, rule } = ask(policy, { agent, server });
    const probe = byName.get(server);
    const row = { server, decision, rule };
    if (decision === "deny") return row;
    if (probe === undefined) return { ...row, error: "not configured" };
    if (probe.tools === undefined) {
      const { message } = findCause(probe, { warnings: configuration.warnings });
      return { ...row, error: message.replaceAll("\n", " ") };
    }
    const decided = probe.tools.map(({ name }) => {
      const { decision, rule } = ask(policy, { agent, server, tool: name });
      return { tool: name, decision, rule };
    });
    return { ...row, tools: decided };
  });
}

function warn(problems: readonly ConfigProblem[], stderr: Output): void {
  for (const line of foldProblems(problems)) stderr.write(`${escapeLines(`Warning: ${line}`)}\n`);
}

function matrix(
  { agent, server }: ExplainedNames,
  { rules, servers }: Configuration,
  policy: Policy,
): AgentRow[] {
  const agents = agent === undefined ? [...rules.agents.keys()] : [agent];
  const names = server === undefined ? [...servers.keys()] : [server];
  return agents.map((agent) => ({
    agent,
    servers: names.map((server) => {
      const { decision, rule } = ask(policy, { agent, server });
      const row = { server, decision, rule };
      if (decision === "deny") return row;
      return { ...row, tools: findToolShare({ agent, server }, { rules, policy }) };
    }),
  }));
}

/** Names that do not exist get a decision, too, but hardly the one that was meant. */
function noteUnknown(
  { agent, server }: ExplainedNames,
  { rules, servers }: Configuration,
  stderr: Output,
): void {
  const note = (what: string, name: string, known: Iterable<string>, where: string): void => {
    const hint = suggestName(name, known);
    stderr.write(`${escapeLines(`The ${what} "${name}" is not ${where}${hint}`)}\n`);
  };
  if (agent !== undefined && !rules.agents.has(agent)) {
    note("agent", agent, rules.agents.keys(), "in the rules");
  }
  if (server !== undefined && !servers.has(server)) {
    note("server", server, servers.keys(), "configured");
  }
}

/** A decision as it is printed. */
interface ExplainedDecision {
  readonly decision: "allow" | "deny";
  /** The entry that decided, or the list that did not grant it. */
  readonly rule: string;
}

/** A decision with the steps to it; the last one has `found`. */
interface ExplainedAnswer extends ExplainedDecision {
  readonly steps: readonly {
    readonly step: StepName;
    /** The lists that were searched. */
    readonly searched: readonly string[];
    readonly found?: ExplainedDecision;
  }[];
}

/** The decisions about a server and its tools. */
interface ServerRow extends ExplainedDecision {
  readonly server: string;
  readonly tools?: readonly (ExplainedDecision & { readonly tool: string })[];
  /** Why its tools are not known. */
  readonly error?: string;
}

/** The decisions about an agent and the servers. */
interface AgentRow {
  readonly agent: string;
  readonly servers: readonly (ExplainedDecision & {
    readonly server: string;
    /** The share of its tools, if the server is allowed. */
    readonly tools?: ToolShare;
  })[];
}

/** The names that a decision is about. */
interface ExplainedQuestion {
  readonly agent: string;
  readonly server?: string | undefined;
  readonly tool?: string | undefined;
  /** The decisions about the server's tools, if they are known. */
  readonly tools?: readonly ExplainedDecision[] | undefined;
}

/** Makes the answer of the command from the policy's explanation. */
function answerOf({ effect, rule, steps }: Explanation): ExplainedAnswer {
  return {
    decision: effect,
    rule,
    steps: steps.map(({ name, searched, found }) => ({
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

/** One decision and the steps before it. */
function decisionText(
  { agent, server, tool, tools }: ExplainedQuestion,
  { decision, rule, steps }: ExplainedAnswer,
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  const what = server === undefined
    ? "anything"
    : tool === undefined
    ? `server "${server}"`
    : `tool "${tool}" of server "${server}"`;
  const word = colored(style, decision, colorOf(decision));
  const may = decision === "allow" ? "may use" : "may not use";
  const allowed = tools?.filter(({ decision }) => decision === "allow").length;
  const share = tools === undefined ? "" : `: ${allowed} of ${counted(tools.length, "tool")}`;
  const heads = `${word}: ${escapeControls(`agent "${agent}" ${may} ${what}${share}`)}\n` +
    `rule: ${escapeControls(rule)}\n`;
  const rows = steps.map(({ step, searched, found }, index) => {
    const none = searched.length === 0 ? "no such list" : `no match in ${searched.join(", ")}`;
    return [String(index + 1), step, found ? `${found.decision} by ${found.rule}` : none];
  });
  const columns: Column[] = [{ title: "", isNumber: true }, { title: "STEP" }, { title: "FOUND" }];
  return `${heads}\n${table({ columns, rows }, style)}`;
}

/** An agent's servers and tools. */
function toolsText(
  rows: readonly ServerRow[],
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  const cells = rows.flatMap(({ server, decision, rule, tools, error }) => {
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
  return table({ columns, rows: cells }, style) + notes;
}

/** Columns of agents get no wider than this. */
const AGENT_WIDTH = 16;

/** Servers against agents, in several tables if the agents do not fit side by side. */
function matrixText(
  agents: readonly AgentRow[],
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  const servers = agents[0]?.servers.map(({ server }) => server) ?? [];
  const longest = Math.max("SERVER".length, ...servers.map((server) => [...server].length));
  const first = Math.min(longest, Math.floor(style.columns / 2));
  const blocks: AgentRow[][] = [];
  let left = 0;
  for (const row of agents) {
    const width = Math.min(AGENT_WIDTH, Math.max("some tools".length, [...row.agent].length)) + 2;
    left -= width;
    if (left < 0 || blocks.length === 0) {
      blocks.push([]);
      left = style.columns - first - width;
    }
    blocks.at(-1)?.push(row);
  }
  if (blocks.length === 0) blocks.push([]);
  return blocks.map((block) => {
    const columns = block.map(({ agent }) => ({
      title: cut(agent, AGENT_WIDTH),
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
function cut(name: string, width: number): string {
  const letters = [...name];
  if (letters.length <= width) return name;
  const end = Math.floor((width - 1) / 2);
  return [...letters.slice(0, width - 1 - end), "…", ...letters.slice(-end)].join("");
}
