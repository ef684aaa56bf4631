import { describeCondition } from "./explain_text.ts";
import type { ReplayFigures, ReplayGroup } from "./replay_tally.ts";
import { paragraph, table } from "./table.ts";
import { pluralize, styleOf, type TerminalStyle } from "./terminal.ts";

/** Maximum number of rows in a table. */
const MAX_ROWS = 50;

/** The reason why a part is missing, and how the log or the gateway gets it. */
const MISSING_NOTES: Readonly<Record<NonNullable<ReplayGroup["missing"]>, string>> = {
  arguments:
    "the log does not have their arguments whole: GATEWAY_AUDIT_ARGS=redacted records up to " +
    "4 KiB of them, without secrets",
  annotations: "the annotations of their tools are not known: agent-mcp-gateway refresh reads them",
  name: "the log does not have their names or URIs whole",
};

/** Formats the figures for people. */
export function replayText(
  figures: ReplayFigures,
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  const { operations, unchanged, changed, depending, undecided, unasked } = figures;
  const summary = [
    `${unchanged} as before`,
    `${changed} would change`,
    ...depending > 0 ? [`${depending} depend on what the log does not have`] : [],
  ].join(", ");
  const notes = [
    ...undecided > 0 ? [`${undecided} more were not decided by rules`] : [],
    ...unasked > 0
      ? [`for ${unasked} of those as before nobody was asked, because of shadow mode`]
      : [],
  ].map((note) => `; ${note}`).join("");
  const { changes, depends } = figures;
  const missingParts = new Set(depends.flatMap(({ missing }) => missing ?? []));
  const parts = [
    paragraph(`${pluralize(operations, "operation")}: ${summary}${notes}`, style),
    changes.length === 0 ? "" : groupsText(changes, "WOULD CHANGE", style),
    depends.length === 0 ? "" : groupsText(depends, "DEPENDS", style) +
      [...missingParts].map((part) => paragraph(MISSING_NOTES[part], style)).join(""),
  ];
  return parts.filter((part) => part !== "").join("\n");
}

function groupsText(
  groups: readonly ReplayGroup[],
  title: string,
  style: TerminalStyle,
): string {
  const rows = groups.slice(0, MAX_ROWS).map((group) => {
    const { count, agent, from, to, rule } = group;
    const change = to === "depends" ? from : `${from} to ${to}`;
    return [`${count}`, agent, nameOfGroup(group), change, rule];
  });
  const columns = [
    { title: "COUNT", isNumber: true },
    { title: "AGENT" },
    { title: "OPERATION" },
    { title },
    { title: title === "DEPENDS" ? "ON" : "BY" },
  ];
  const conditions = new Set(
    groups.slice(0, MAX_ROWS).flatMap(({ to, conditions = [] }) => {
      return conditions.map((condition) => describeCondition(condition, to));
    }),
  );
  const hiddenRows = groups.length - rows.length;
  return table({ columns, rows }, style) +
    (hiddenRows > 0 ? `and ${hiddenRows} more; --json has all\n` : "") +
    [...conditions].map((text) => paragraph(text, style)).join("");
}

/** Returns the name of what the operations of a group are about. */
export function nameOfGroup({ server, tool, resource, prompt }: ReplayGroup): string {
  if (server === undefined) return "status";
  const name = tool ?? prompt;
  if (name !== undefined) return `${server}/${name}`;
  return resource === undefined ? server : `${server} ${resource}`;
}
