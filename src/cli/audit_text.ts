import type { ReadEntry } from "./audit_entry.ts";
import type { AuditFigures, Figures } from "./audit_figures.ts";

/** Width of a line, in columns. */
const WIDTH = 80;

/** Maximum number of rows in a table. */
const MOST_ROWS = 10;

/** Width of a number column, in columns. */
const NUMBER_WIDTH = 9;

/** Formats the figures for people, in lines of at most 80 columns. */
export function figuresText(figures: AuditFigures): string {
  const { count, from, to, decisions, tool_errors } = figures;
  if (count === 0) return "No operations\n";
  const outcomes = Object.entries(decisions).map(([name, number]) => `${number} ${name}`).join(
    ", ",
  );
  const failing = figures.tools.filter((tool) => tool.tool_errors > 0)
    .sort((one, two) => two.tool_errors - one.tool_errors);
  const failed = tool_errors > 0 ? `; ${tool_errors} of the allowed calls returned isError` : "";
  const slowest = figures.tools.toSorted((one, two) => two.p95_ms - one.p95_ms);
  const parts = [
    `${count} operations: ${outcomes}${failed}\n${from} to ${to}\n`,
    figuresTable("AGENT", figures.agents),
    figuresTable("SERVER", figures.servers),
    figuresTable("TOOL", figures.tools),
    table(
      ["SLOWEST TOOL", "P95 ms", "MAX ms"],
      slowest.map(({ name, p95_ms, max_ms }) => [name, ms(p95_ms), ms(max_ms)]),
    ),
    table(
      ["DENIED: AGENT, RULE", "COUNT"],
      figures.denials.map((
        { agent, rule, count },
      ) => [`${agent || "(none)"}  ${rule}`, `${count}`]),
    ),
    table(
      ["TOOL WITH isError", "COUNT"],
      failing.map(({ name, tool_errors }) => [name, `${tool_errors}`]),
    ),
    table(["ERROR", "COUNT"], figures.errors.map(({ code, count }) => [code, `${count}`])),
  ];
  return parts.filter((part) => part !== "").join("\n");
}

/**
 * Formats an entry for people, in one line. Long names are cut so that the line fits into 80
 * columns, except for its end: the path of the rule to change, or the error code, is printed in
 * full.
 */
export function entryText(entry: ReadEntry): string {
  const { time, decision, agent, operation, server, tool, code, rule, latencyMs } = entry;
  // In UTC, as in the log itself and in --since.
  const when = `${new Date(time).toISOString().slice(0, 19)}Z`;
  const about = tool !== "" ? `${server}/${tool}` : `${operation} ${server}`.trim();
  const why = entry.isToolError ? "isError" : decision === "DENY" ? rule || code : code;
  const took = ` ${ms(latencyMs)} ms`;
  const start = clean(`${when} ${decision.padEnd(5)} ${agent || "(none)"} ${about}`);
  return `${cut(start, WIDTH - took.length)}${took}${why === "" ? "" : ` ${clean(why)}`}\n`;
}

function figuresTable(title: string, rows: readonly Figures[]): string {
  return table(
    [title, "CALLS", "DENIED", "ERRORS", "P95 ms"],
    rows.map(({ name, count, denied, errors, p95_ms }) => {
      return [name || "(none)", `${count}`, `${denied}`, `${errors}`, ms(p95_ms)];
    }),
  );
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const nameWidth = WIDTH - (heads.length - 1) * (NUMBER_WIDTH + 1);
  const lines = [heads, ...rows.slice(0, MOST_ROWS)].map(([name = "", ...numbers]) => {
    const first = cut(clean(name), nameWidth).padEnd(nameWidth);
    return [first, ...numbers.map((number) => number.padStart(NUMBER_WIDTH))].join(" ");
  });
  const more = rows.length - MOST_ROWS;
  if (more > 0) lines.push(`and ${more} more; --json has all`);
  return `${lines.join("\n")}\n`;
}

function ms(value: number): string {
  return value < 10 ? value.toFixed(2) : String(Math.round(value));
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/**
 * Replaces control characters in names: agents choose some of them, and they must not move the
 * cursor.
 */
function clean(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}
