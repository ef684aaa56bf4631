import { OWN_SERVER } from "../own_server.ts";
import { escapeControls } from "../text.ts";
import type {
  AgentRow,
  DecisionSubject,
  PrintedCondition,
  PrintedDecision,
  PrintedExplanation,
  ServerRow,
} from "./explain_decision.ts";
import { type Color, colorText, type Column, paragraph, table } from "./table.ts";
import { pluralize, styleOf, type TerminalStyle } from "./terminal.ts";

const colorOf = (cell: string): Color => {
  if (["allow", "all tools", "some tools"].includes(cell)) return "green";
  return cell === "deny" || cell === "no tools" ? "red" : "dim";
};

const DECISION_COLUMN: Column = { title: "DECISION", color: colorOf };

/** Says that the rules of an agent are not enforced. */
export const SHADOW_NOTE =
  "shadow: the agent is in shadow mode, so what the rules do not allow is let through, and only recorded";

/** Says why `"*"` has not allowed the gateway's own server. */
const OWN_SERVER_NOTE =
  `the gateway's own server: only its name in \`allow.servers\` grants it, not a pattern such as "*"`;

/**
 * Formats one decision and the steps to it.
 *
 * @param options The decisions about what the server offers, if they are known, and whether the agent is in shadow
 * mode.
 */
export function decisionText(
  subject: DecisionSubject,
  { decision, rule, depends_on: dependsOn, conditions, steps }: PrintedExplanation,
  { offers, isShadowed = false }: {
    readonly offers?: ServerRow | undefined;
    readonly isShadowed?: boolean;
  } = {},
): string {
  const style = styleOf(Deno.stdout);
  const effect = colorText(style, decision, colorOf(decision));
  const permission = PERMISSIONS[decision];
  const target = `agent "${subject.agent}" ${permission} ${targetOf(subject)}${
    allowedCountsOf(offers)
  }`;
  const requirements = (dependsOn ?? conditions ?? []).map((condition) => {
    return `${describeCondition(condition, decision)}\n`;
  });
  const mode = isShadowed ? `${SHADOW_NOTE}\n` : "";
  const isOwnServerUnnamed = subject.server === OWN_SERVER &&
    steps.at(-1)?.step === "server default";
  const summary = `${effect}: ${escapeControls(target)}\nrule: ${escapeControls(rule)}\n${mode}` +
    (isOwnServerUnnamed ? `${OWN_SERVER_NOTE}\n` : "") + requirements.join("");
  const rows = steps.map(({ step, searched, skipped = [], found }, index) => {
    const notFound = searched.length === 0 ? "no such list" : `no match in ${searched.join(", ")}`;
    const skippedEntries = skipped.map(({ rule, state }) => {
      return state === "depends" ? `depends on ${rule}` : `the condition of ${rule} does not hold`;
    });
    const findings = found === undefined
      ? skippedEntries
      : [...skippedEntries, `${found.decision} by ${found.rule}`];
    return [String(index + 1), step, findings.join("; then ") || notFound];
  });
  const columns: Column[] = [{ title: "", isNumber: true }, { title: "STEP" }, { title: "FOUND" }];
  return `${summary}\n${table({ columns, rows }, style)}`;
}

const PERMISSIONS: Readonly<Record<PrintedDecision["decision"], string>> = {
  allow: "may use",
  deny: "may not use",
  ask: "may use, with a person's approval of each call,",
  depends: "may use, depending on the call,",
};

const PURPOSES: Readonly<Record<PrintedCondition["decision"], string>> = {
  allow: "to be allowed by",
  deny: "not to be denied by",
  ask: "to need no approval by",
};

/** Formats what a call needs in order to be allowed by an entry, or not to be denied by it. */
export function describeCondition(
  { rule, decision, requirement }: PrintedCondition,
  decided: PrintedDecision["decision"],
): string {
  // For a denied call, the condition of an `ask` is a chance; for one that needs approval, it is the obstacle.
  const purpose = decision === "ask" && decided === "deny"
    ? "to be asked about by"
    : PURPOSES[decision];
  return escapeControls(`${purpose} ${rule}: ${requirement}`);
}

function targetOf({ server, tool, resource, prompt }: DecisionSubject): string {
  if (server === undefined) return "anything";
  if (tool !== undefined) return `tool "${tool}" of server "${server}"`;
  if (resource !== undefined) return `resource "${resource}" of server "${server}"`;
  return prompt === undefined ? `server "${server}"` : `prompt "${prompt}" of server "${server}"`;
}

/** Returns how many items of each list are allowed, such as `: 3 of 4 tools, 1 of 1 prompt`. */
function allowedCountsOf(
  { tools, resources, templates, prompts }: Partial<ServerRow> = {},
): string {
  const lists: readonly [string, readonly PrintedDecision[] | undefined][] = [
    ["tool", tools],
    ["resource", resources],
    ["resource template", templates],
    ["prompt", prompts],
  ];
  const counts = lists.flatMap(([word, decisions]) => {
    if (decisions === undefined) return [];
    const allowedCount = decisions.filter(({ decision }) => decision === "allow").length;
    const askedCount = decisions.filter(({ decision }) => decision === "ask").length;
    const conditionalCount = decisions.filter(({ decision }) => decision === "depends").length;
    const more = [
      ...askedCount === 0 ? [] : [`${askedCount} more with approval`],
      ...conditionalCount === 0 ? [] : [`${conditionalCount} more under conditions`],
    ].join(", ");
    return [`${allowedCount} of ${pluralize(decisions.length, word)}${more && ` (${more})`}`];
  });
  return counts.length === 0 ? "" : `: ${counts.join(", ")}`;
}

/** Formats the decisions about an agent's servers and what they offer. */
export function serversText(
  rows: readonly ServerRow[],
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  const toolRows = rows.flatMap(({ server, decision, rule, tools, error }) => {
    if (tools === undefined) return [[server, "*", error === undefined ? decision : "?", rule]];
    if (tools.length === 0) return [[server, "(none)", decision, rule]];
    return tools.map(({ tool, decision, rule }) => [server, tool, decision, rule]);
  });
  const resourceRows = rows.flatMap(({ server, resources = [], templates = [] }) => [
    ...resources.map(({ resource, decision, rule }) => [server, resource, decision, rule]),
    ...templates.map(({ template, decision, rule }) => [server, template, decision, rule]),
  ]);
  const promptRows = rows.flatMap(({ server, prompts = [] }) => {
    return prompts.map(({ prompt, decision, rule }) => [server, prompt, decision, rule]);
  });
  const toTable = (title: string, tableRows: readonly string[][]): string => {
    const columns = [{ title: "SERVER" }, { title }, DECISION_COLUMN, { title: "RULE" }];
    return table({ columns, rows: tableRows }, style);
  };
  const failures = rows.filter(({ error }) => error !== undefined).map(({ server, error }) => {
    const text = `${server}: its tools are not known: ${error}; agent-mcp-gateway doctor says more`;
    return paragraph(text, style);
  });
  return [
    toTable("TOOL", toolRows),
    resourceRows.length === 0 ? "" : toTable("RESOURCE", resourceRows),
    promptRows.length === 0 ? "" : toTable("PROMPT", promptRows),
    failures.join(""),
  ].filter((part) => part !== "").join("\n");
}

/** Maximum width of an agent's column. */
const MAX_AGENT_WIDTH = 16;

/** Formats servers as rows and agents as columns, in several tables if the columns do not fit. */
export function agentsText(
  agents: readonly AgentRow[],
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  const servers = agents[0]?.servers.map(({ server }) => server) ?? [];
  const longest = Math.max("SERVER".length, ...servers.map((server) => [...server].length));
  const firstWidth = Math.min(longest, Math.floor(style.columns / 2));
  const blocks: AgentRow[][] = [];
  let columnsLeft = 0;
  for (const row of agents) {
    const contentWidth = Math.max("some tools".length, [...row.agent].length);
    const width = Math.min(MAX_AGENT_WIDTH, contentWidth) + 2;
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
    const rows = servers.map((server, index) => {
      const shares = block.map(({ servers }) => {
        const { decision = "", tools = "all", resources = "all", prompts = "all" } =
          servers[index] ?? {};
        if (tools !== "all") return tools === "some" ? "some tools" : "no tools";
        return resources === "all" && prompts === "all" ? decision : "all tools";
      });
      return [server, ...shares];
    });
    return table({ columns: [{ title: "SERVER" }, ...columns], rows }, style);
  }).join("\n");
}

/** Cuts the middle of a long name, where names differ least. */
function cutMiddle(name: string, width: number): string {
  const characters = [...name];
  if (characters.length <= width) return name;
  const end = Math.floor((width - 1) / 2);
  return [...characters.slice(0, width - 1 - end), "…", ...characters.slice(-end)].join("");
}
