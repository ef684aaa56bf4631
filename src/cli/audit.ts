import { type ParsedEntry, parseEntry } from "./audit_entry.ts";
import { AuditCounter, type AuditFigures, type Figures } from "./audit_figures.ts";
import type { FollowedLog } from "./audit_files.ts";
import { type AuditTrailFiles, followTrail } from "./audit_trail_files.ts";
import {
  agentFlag,
  argument,
  type CommandInput,
  defaultFlag,
  defineCommand,
  defineGroup,
  JSON_FLAG,
  optional,
  switchFlag,
  wholeNumber,
} from "./command.ts";
import { SINCE_FLAG, withAuditFiles } from "./open_audit.ts";
import { table } from "./table.ts";
import { escapeControls } from "../text.ts";
import { cutText, jsonOutput, pluralize } from "./terminal.ts";

const ARGS = [
  optional(
    argument("The log file; by default the one that the gateway writes (GATEWAY_AUDIT_LOG)", {
      placeholder: "file",
    }),
  ),
] as const;

const FILTERS = {
  since: SINCE_FLAG,
  agent: agentFlag("Only operations of this agent"),
  shadow: switchFlag("Only operations that shadow mode let through"),
};

/** Whether the flags select an entry. */
function isSelected(
  { time, agent, shadow }: ParsedEntry,
  flags: {
    readonly since?: number | undefined;
    readonly agent?: string | undefined;
    readonly shadow: boolean;
  },
): boolean {
  return time >= (flags.since ?? -Infinity) &&
    (flags.agent === undefined || agent === flags.agent) && (!flags.shadow || shadow !== "");
}

export const stats = defineCommand({
  about:
    "Counts the operations in the audit log, the log of refusals and their rotated files: by agent, " +
    "server, tool, resource and prompt, with denials by rule, errors by code, the slowest tools, and the calls that " +
    "have begun but not ended. Damaged lines are skipped and counted.",
  example: "agent-mcp-gateway audit stats --since 1h --agent researcher",
  flags: { ...FILTERS, json: JSON_FLAG },
  args: ARGS,
  async run({ flags, args: [file], stdout, stderr }) {
    const { since = -Infinity, json } = flags;
    const use = (files: AuditTrailFiles): void => {
      const counter = new AuditCounter();
      for (const { entry } of files.entries({ since })) {
        if (isSelected(entry, flags)) counter.add(entry);
      }
      const figures = counter.figures();
      const { paths, damagedLines } = files;
      const answer = { files: paths, damaged_lines: damagedLines, ...figures };
      stdout.write(json ? jsonOutput(JSON.stringify(answer)) : figuresText(figures));
    };
    await withAuditFiles(file, { stderr, use });
    return 0;
  },
});

const TAIL_FLAGS = {
  follow: switchFlag("Keep printing new operations until Ctrl-C"),
  lines: defaultFlag("How many operations", {
    parse: wholeNumber("a whole number from 1 to 1000000", 1_000_000),
    default: "10",
  }),
  ...FILTERS,
  json: switchFlag("Print the lines of the log unchanged"),
};

export const tail = defineCommand({
  about:
    "Shows the last operations of the audit log and the log of refusals, the newest last: time " +
    "(UTC), decision, agent (or the address, if none is known), tool, resource or prompt, duration, " +
    "and the rule, the error code, or isError if the tool itself reported an error. A line of a " +
    "call that code made also has the request that ran the code.",
  example: "agent-mcp-gateway audit tail -n 20 --agent researcher",
  flags: TAIL_FLAGS,
  aliases: { n: "lines", f: "follow" },
  args: ARGS,
  async run(invocation) {
    const { flags, args: [file], stdout, stderr } = invocation;
    if (flags.follow) await follow(invocation);
    else {
      await withAuditFiles(file, {
        stderr,
        use: (files) => stdout.write(formatLastEntries(files, flags)),
      });
    }
    return 0;
  },
});

/** `audit stats` and `audit tail`. */
export const command = defineGroup({
  stats: {
    brief: "Count operations by agent, server, tool, resource, prompt, denial and error",
    command: stats,
  },
  tail: { brief: "Show the last operations", command: tail },
});

type TailInvocation = CommandInput<typeof TAIL_FLAGS, typeof ARGS>;

/** Interval between checks for new entries, in milliseconds. */
const POLL_INTERVAL_MS = 100;

/**
 * Prints the last entries, and then new ones, until the process ends or the reader closes standard
 * output. Only a write shows that the reader has closed it, because Deno does not poll a pipe. If there
 * is no log yet, waits for it.
 */
async function follow(invocation: TailInvocation): Promise<void> {
  const { flags, args: [file], stdout, stderr } = invocation;
  let logs: FollowedLog[] = [];
  const onMissing = (path: string): void => {
    stderr.write(`There is no audit log at ${path} yet; waiting for it\n`);
    logs = followTrail(path);
  };
  const use = (files: AuditTrailFiles): void => {
    stdout.write(formatLastEntries(files, flags, { skipsPartialLine: true }));
    logs = files.follow();
  };
  await withAuditFiles(file, { stderr, use, onMissing });
  using stack = new DisposableStack();
  for (const log of logs) stack.use(log);
  while (stdout.isClosed !== true) {
    const lines = logs.flatMap((log) => [...log.lines()]).flatMap((text) => {
      const entry = parseEntry(text);
      return entry === undefined ? [] : [{ entry, text }];
    });
    for (const { entry, text } of lines.sort((one, two) => one.entry.time - two.entry.time)) {
      const line = formatLine(entry, text, flags);
      if (line !== undefined) stdout.write(line);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
}

/** Formats the last entries that the flags select, in the order of the log. */
function formatLastEntries(
  files: AuditTrailFiles,
  flags: TailInvocation["flags"],
  options: { readonly skipsPartialLine?: boolean } = {},
): string {
  const lines: string[] = [];
  for (const { entry, text } of files.entries(options)) {
    if (lines.length >= flags.lines) break;
    const line = formatLine(entry, text, flags);
    if (line !== undefined) lines.push(line);
  }
  return lines.reverse().join("");
}

/** Formats an entry as a line; `undefined` if the flags exclude it. */
function formatLine(
  entry: ParsedEntry,
  text: string,
  flags: TailInvocation["flags"],
): string | undefined {
  if (!isSelected(entry, flags)) return undefined;
  return flags.json ? jsonOutput(text) : entryText(entry);
}

/** Maximum width of a line, in columns. */
const LINE_WIDTH = 80;

/** Maximum number of rows in a table. */
const MAX_ROWS = 10;

/** Minimum width of a column of numbers. */
const NUMBER_WIDTH = 8;

/** Formats the figures for people, with tables of at most 80 columns. */
function figuresText(figures: AuditFigures): string {
  const { count, from, to, decisions, tool_errors } = figures;
  if (count === 0) return "No operations\n";
  const outcomes = Object.entries(decisions).map(([name, number]) => `${number} ${name}`);
  const failingTools = figures.tools.filter((tool) => tool.tool_errors > 0)
    .sort((one, two) => two.tool_errors - one.tool_errors);
  const toolErrorsText = tool_errors > 0
    ? `; ${tool_errors} of the allowed calls returned isError`
    : "";
  const slowestTools = figures.tools.toSorted((one, two) => two.p95_ms - one.p95_ms);
  const parts = [
    `${pluralize(count, "operation")}: ${outcomes.join(", ")}${toolErrorsText}\n${from} to ${to}\n`,
    figuresTable("AGENT", figures.agents),
    figuresTable("SERVER", figures.servers),
    figuresTable("TOOL", figures.tools),
    figuresTable("RESOURCE", figures.resources),
    figuresTable("PROMPT", figures.prompts),
    numbersTable(
      ["SLOWEST TOOL", "P95 ms", "MAX ms"],
      slowestTools.map(({ name, p95_ms, max_ms }) => [name, formatMs(p95_ms), formatMs(max_ms)]),
    ),
    numbersTable(
      ["DENIED: AGENT, RULE", "COUNT"],
      figures.denials.map(({ agent, rule, count }) => {
        return [`${agent || "(none)"}  ${rule}`, `${count}`];
      }),
    ),
    numbersTable(
      ["LET THROUGH BY SHADOW MODE: AGENT, RULE", "COUNT"],
      figures.shadowed.map(({ agent, rule, decision, count }) => {
        return [`${agent}  ${decision} ${rule}`, `${count}`];
      }),
    ),
    numbersTable(
      ["TOOL WITH isError", "COUNT"],
      failingTools.map(({ name, tool_errors }) => [name, `${tool_errors}`]),
    ),
    numbersTable(
      ["BEGUN WITHOUT AN END: AGENT, TOOL", "COUNT"],
      countNames(
        figures.unfinished.map((call) => `${call.agent}  ${targetText(call)}`),
      ),
    ),
    numbersTable(["ERROR", "COUNT"], figures.errors.map(({ code, count }) => [code, `${count}`])),
  ];
  return parts.filter((part) => part !== "").join("\n");
}

/** Counts equal names, in the order of their first appearance; each row is a name and its count. */
function countNames(names: readonly string[]): string[][] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => [name, `${count}`]);
}

/**
 * Formats an entry for people, in one line. Long names are cut so that the part up to the duration fits
 * into 80 columns. The rule or the error code after it is printed in full.
 */
function entryText(entry: ParsedEntry): string {
  const { time, decision, agent, address, code, rule, approval } = entry;
  // In UTC, as in the log itself and in --since.
  const timestamp = `${new Date(time).toISOString().slice(0, 19)}Z`;
  const counts = Object.entries(entry.counts).map(([name, count]) => `${count} ${name}`).join(", ");
  const refusal = decision === "DENY" ? rule || code : code;
  const reason = counts || (entry.isToolError ? "isError" : refusal);
  const shadow = entry.shadow === "" ? "" : ` shadow ${entry.shadow} ${escapeControls(rule)}`;
  const approvalText = approval === undefined
    ? ""
    : ` approval ${approval.id} ${approval.by === "" ? "undecided" : `by ${approval.by}`}`;
  const duration = durationText(entry);
  const caller = agent || address || "(none)";
  const head = escapeControls(`${timestamp} ${decision.padEnd(5)} ${caller} ${targetText(entry)}`);
  const origin = entry.parent === "" ? "" : ` in code of request ${entry.parent}`;
  const line = `${cutText(head, LINE_WIDTH - duration.length)}${duration}`;
  const details = `${reason === "" ? "" : ` ${reason}`}${approvalText}${origin}`;
  return `${line}${escapeControls(details)}${shadow}\n`;
}

/** Formats the duration of an operation; `""` for a summary of several. */
function durationText({ phase, counts, latencyMs, rounds }: ParsedEntry): string {
  if (phase === "begun") return " begun";
  if (Object.keys(counts).length > 0) return "";
  const roundsText = rounds > 0 ? ` in ${pluralize(rounds, "round")}` : "";
  return ` ${formatMs(latencyMs)} ms${roundsText}`;
}

/** Formats what an operation is about: its tool, or else its name with the server, resource or prompt. */
function targetText(
  { operation, server, tool, uri, prompt }: Pick<
    ParsedEntry,
    "operation" | "server" | "tool" | "uri" | "prompt"
  >,
): string {
  if (tool !== "") return `${server}/${tool}`;
  const target = prompt === "" ? `${server} ${uri}` : `${server}/${prompt}`;
  return `${operation} ${target.trim()}`.trim();
}

function figuresTable(title: string, rows: readonly Figures[]): string {
  return numbersTable(
    [title, "CALLS", "DENIED", "ERRORS", "P95 ms"],
    rows.map(({ name, count, denied, errors, p95_ms }) => {
      return [name || "(none)", `${count}`, `${denied}`, `${errors}`, formatMs(p95_ms)];
    }),
  );
}

function numbersTable(titles: readonly string[], rows: readonly string[][]): string {
  if (rows.length === 0) return "";
  const columns = titles.map((title, at) => {
    return at === 0
      ? { title, width: LINE_WIDTH - (titles.length - 1) * (NUMBER_WIDTH + 2) }
      : { title, width: NUMBER_WIDTH, isNumber: true };
  });
  const style = { columns: LINE_WIDTH, colors: false, isTerminal: false };
  const hiddenRows = rows.length - MAX_ROWS;
  return table({ columns, rows: rows.slice(0, MAX_ROWS) }, style) +
    (hiddenRows > 0 ? `and ${hiddenRows} more; --json has all\n` : "");
}

function formatMs(value: number): string {
  return value < 10 ? value.toFixed(2) : String(Math.round(value));
}
