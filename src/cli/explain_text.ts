import type { Explanation, Step, StepName } from "../policy/mod.ts";
import { cleanLine, counted, styleOf, type TerminalStyle } from "./terminal.ts";
import { type Column, paragraph, table } from "./table.ts";
import type { ToolShare } from "./tool_share.ts";

/** A decision as it is told. */
export interface ExplainedDecision {
  readonly decision: "allow" | "deny";
  /** The entry that decided, or the list that did not grant it. */
  readonly rule: string;
}

/** A decision with the way to it. */
export interface ExplainedAnswer extends ExplainedDecision {
  readonly steps: readonly ExplainedStep[];
}

/** A step on the way; `found` where it decided. */
export interface ExplainedStep {
  readonly step: StepName;
  /** The lists that were searched. */
  readonly searched: readonly string[];
  readonly found?: ExplainedDecision;
}

/** What is decided about a server and its tools. */
export interface ServerRow extends ExplainedDecision {
  readonly server: string;
  readonly tools?: readonly (ExplainedDecision & { readonly tool: string })[];
  /** Why its tools are not known. */
  readonly error?: string;
}

/** What is decided about an agent and the servers. */
export interface AgentRow {
  readonly agent: string;
  readonly servers: readonly (ExplainedDecision & {
    readonly server: string;
    /** How many of its tools, where the server is allowed. */
    readonly tools?: ToolShare;
  })[];
}

/** What was asked. */
export interface ExplainedQuestion {
  readonly agent: string;
  readonly server?: string | undefined;
  readonly tool?: string | undefined;
  /** What is decided about the server's tools, where they are known. */
  readonly tools?: readonly ExplainedDecision[] | undefined;
}

/** Puts the policy's explanation into the words of the command. */
export function answerOf({ allowed, rule, steps }: Explanation): ExplainedAnswer {
  return { ...decidedOf({ allowed, rule }), steps: steps.map(stepOf) };
}

function stepOf({ name, searched, found }: Step): ExplainedStep {
  const step = { step: name, searched };
  return found === undefined ? step : { ...step, found: decidedOf(found) };
}

function decidedOf({ allowed, rule }: { allowed: boolean; rule: string }): ExplainedDecision {
  return { decision: allowed ? "allow" : "deny", rule };
}

const GREEN = "\x1b[32m";
const RED = "\x1b[31m";
const DIM = "\x1b[2m";

const colourOf = (cell: string): string => {
  if (cell === "allow" || cell === "some tools") return GREEN;
  return cell === "deny" || cell === "no tools" ? RED : DIM;
};

const DECISION: Column = { title: "DECISION", colour: colourOf };

/** One decision and the steps before it. */
export function decisionText(
  { agent, server, tool, tools }: ExplainedQuestion,
  { decision, rule, steps }: ExplainedAnswer,
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  const what = server === undefined
    ? "anything"
    : tool === undefined
    ? `server "${server}"`
    : `tool "${tool}" of server "${server}"`;
  const code = style.colours ? colourOf(decision) : "";
  const word = code === "" ? decision : `${code}${decision}\x1b[0m`;
  const may = decision === "allow" ? "may use" : "may not use";
  const allowed = tools?.filter(({ decision }) => decision === "allow").length;
  const share = tools === undefined ? "" : `: ${allowed} of ${counted(tools.length, "tool")}`;
  const heads = `${word}: ${cleanLine(`agent "${agent}" ${may} ${what}${share}`)}\n` +
    `rule: ${cleanLine(rule)}\n`;
  const rows = steps.map(({ step, searched, found }, index) => [
    String(index + 1),
    step,
    found === undefined ? noMatch(searched) : `${found.decision} by ${found.rule}`,
  ]);
  const columns: Column[] = [{ title: "", isNumber: true }, { title: "STEP" }, { title: "FOUND" }];
  return `${heads}\n${table(columns, rows, style)}`;
}

function noMatch(searched: readonly string[]): string {
  return searched.length === 0 ? "no such list" : `no match in ${searched.join(", ")}`;
}

/** An agent's servers and tools. */
export function toolsText(
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
  return table(columns, cells, style) + notes;
}

function shareText({ decision, tools }: AgentRow["servers"][number]): string {
  return tools === "some" ? "some tools" : tools === "none" ? "no tools" : decision;
}

/** Columns of agents get no wider than this. */
const AGENT_WIDTH = 16;

/** Servers against agents; where agents do not fit beside one another, in several tables. */
export function matrixText(
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
      colour: colourOf,
    }));
    const cells = servers.map((server, index) => {
      const decided = block.map(({ servers }) => servers[index]);
      return [server, ...decided.map((one) => one === undefined ? "" : shareText(one))];
    });
    return table([{ title: "SERVER" }, ...columns], cells, style);
  }).join("\n");
}

/** The middle of long names tells them apart least. */
function cut(name: string, width: number): string {
  const letters = [...name];
  if (letters.length <= width) return name;
  const end = Math.floor((width - 1) / 2);
  return [...letters.slice(0, width - 1 - end), "…", ...letters.slice(-end)].join("");
}
