import { type ConfigProblem, type Configuration, getStdioConfig } from "../config/mod.ts";
import { formatPath } from "../json.ts";
import { formatProblem } from "../errors.ts";
import { defineCommand, FILE_FLAGS, JSON_FLAG, optional, serverArgument } from "./command.ts";
import { loadTokenCounter, type TokenCounter } from "./count_tokens.ts";
import { findCause, type Finding } from "./doctor_finding.ts";
import { openConfiguration } from "./open_configuration.ts";
import { describeItems, selectListedItems } from "./pinned_items.ts";
import { type OfferedLists, type Probe, withStartedServers } from "./probe.ts";
import { openCatalogs } from "./open_catalogs.ts";
import { RememberedCatalogs } from "./remembered_catalogs.ts";
import { findServer } from "./resolve_names.ts";
import { type Column, paragraph, table } from "./table.ts";
import { escapeControls } from "../text.ts";
import { formatCount, formatSeconds, jsonOutput, styleOf, type TerminalStyle } from "./terminal.ts";
import {
  addRememberedItems,
  findUnmatchedEntries,
  listKnownItems,
  selectRulesWarnings,
} from "./unmatched_rules.ts";
import { describeShared, findSharedGateways, type SharedFinding } from "./shared_finding.ts";
import { withOwnServer } from "./with_own_server.ts";

export const command = defineCommand({
  about: "Starts each server, counts its tools and their tokens, its resources and prompts, and " +
    "ends it again. " +
    "Warns of tools that pins hold back, and of text that may be meant to be hidden. " +
    "Names the shared gateways that serve clients with these files. " +
    "If a server fails, it says why and how to fix that. Exit code: 1 if any server fails.",
  example: "agent-mcp-gateway doctor postgres",
  flags: { json: JSON_FLAG, ...FILE_FLAGS },
  args: [optional(serverArgument("Only this server"))],
  async run({ flags: { json, ...fileFlags }, args: [onlyServer], stdout, stderr }) {
    const opened = withOwnServer(await openConfiguration(fileFlags));
    const { files, configuration, log } = opened;
    const { servers } = configuration;
    const names = onlyServer === undefined
      ? [...servers.keys()]
      : [findServer(onlyServer, configuration).name];
    // The tokenizer takes a moment to load, so it loads while the servers start.
    const counter = loadTokenCounter();
    const sharedFinding = findSharedGateways(configuration.files);
    const { reports, knownItems } = await withStartedServers(
      { opened, names, stderr, listsAll: true },
      async (probes) => {
        const { count } = await counter;
        const reports = await Promise.all(
          probes.map(async (probe) => await createReport(probe, count, configuration)),
        );
        return { reports, knownItems: listKnownItems(probes, servers.keys()) };
      },
    );
    const rulesWarnings = onlyServer === undefined
      ? selectRulesWarnings(configuration, undefined)
      : [];
    const catalogs = new RememberedCatalogs(configuration, openCatalogs(log));
    const unmatchedEntries = findUnmatchedEntries(configuration.rules, {
      knownItems: await addRememberedItems(catalogs, knownItems),
      file: files.rules.displayPath,
    });
    const warnings = [...rulesWarnings, ...unmatchedEntries];
    stdout.write(
      json
        ? jsonOutput(JSON.stringify({ servers: reports, warnings, shared: await sharedFinding }))
        : reportText(reports) + warningsText(warnings) + sharedText(await sharedFinding),
    );
    if (reports.length === 0) stderr.write("No server is configured\n");
    return reports.every(({ ok }) => ok) ? 0 : 1;
  },
});

/** A server in the report. */
interface DoctorReport {
  readonly server: string;
  readonly ok: boolean;
  /** The MCP revision that the server speaks. */
  readonly revision?: string;
  readonly tools?: number;
  /** Tokens of all tool definitions. */
  readonly tokens?: number;
  readonly resources?: number;
  /** URI templates of resources. */
  readonly templates?: number;
  readonly prompts?: number;
  readonly ms: number;
  readonly warnings?: readonly string[];
  readonly error?: Finding;
}

/** Formats the warnings about rules that match no server, tool, resource or prompt. */
function warningsText(
  warnings: readonly ConfigProblem[],
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  if (warnings.length === 0) return "";
  const lines = warnings.map((problem) => {
    return paragraph(`Warning: ${escapeControls(formatProblem(problem))}`, style, "  ");
  });
  return `\nRules\n${lines.join("")}`;
}

function sharedText(
  finding: SharedFinding,
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  const lines = describeShared(finding);
  if (lines.length === 0) return "";
  const paragraphs = lines.map((line) => paragraph(escapeControls(line), style, "  "));
  return `\nShared gateways\n${paragraphs.join("")}`;
}

async function createReport(
  probe: Probe,
  count: TokenCounter["count"],
  { servers, pins, warnings }: Configuration,
): Promise<DoctorReport> {
  const { config, tools, offered, revision, ms, noise, warnings: loggedWarnings } = probe;
  const allWarnings = tools === undefined ? loggedWarnings : [
    ...loggedWarnings,
    ...slowWarnings(probe, servers.get(config.name)?.options.connectTimeoutMs),
    ...await describeItems(selectListedItems({ tools, ...offered }), {
      server: config.name,
      pinned: pins?.get(config.name),
    }),
    ...noise.slice(0, 1).map((text) => {
      const isLocal = getStdioConfig(config.connection) !== undefined;
      const behavior = isLocal
        ? "writes text that is not an MCP message to stdout"
        : "sends data that is not an MCP message";
      const quote = JSON.stringify(text.slice(0, 80));
      return `it ${behavior}, such as ${quote}${isLocal ? ": it should log to stderr" : ""}`;
    }),
  ];
  return {
    server: config.name,
    ok: tools !== undefined,
    ...(revision !== undefined && { revision }),
    ...(tools === undefined ? {} : {
      tools: tools.length,
      tokens: count(`[${tools.map(({ text }) => text.json).join(",")}]`),
    }),
    ...countItems(offered ?? {}),
    ms: Math.round(ms),
    ...(allWarnings.length === 0 ? {} : { warnings: allWarnings }),
    ...(tools === undefined ? { error: findCause(probe, { warnings }) } : {}),
  };
}

/** Returns the number of items of each list that is known. */
function countItems(offered: OfferedLists): Partial<Record<keyof OfferedLists, number>> {
  const counts = Object.entries(offered).flatMap(([kind, items]) => {
    return items === undefined ? [] : [[kind, items.length] as const];
  });
  return Object.fromEntries(counts);
}

/** Warns if a start took longer than an agent's call would wait. `doctor` itself waits longer, for downloads. */
function slowWarnings({ config, ms }: Probe, limitMs: number = Infinity): string[] {
  if (ms <= limitMs) return [];
  const key = `${formatPath(["mcpServers", config.name])}.gateway.connect_timeout_ms`;
  return [
    `it took ${formatSeconds(ms)} to start, and agents' calls wait for at most ` +
    `${formatSeconds(limitMs)}. If it was downloaded just now, the next start is faster; ` +
    `otherwise raise ${key}`,
  ];
}

function reportText(
  reports: readonly DoctorReport[],
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  if (reports.length === 0) return "";
  // Most servers have only tools.
  const otherKinds = (["resources", "templates", "prompts"] as const)
    .filter((kind) => reports.some((report) => (report[kind] ?? 0) > 0));
  // Usually all servers speak the same revision.
  const revisions = new Set(reports.flatMap(({ revision }) => revision ?? []));
  const showsRevisions = revisions.size > 1;
  const columns: Column[] = [
    { title: "SERVER" },
    { title: "RESULT", color: (cell) => cell === "ok" ? "green" : "red" },
    { title: "TOOLS", isNumber: true },
    { title: "TOKENS", isNumber: true },
    ...otherKinds.map((kind) => ({ title: kind.toUpperCase(), isNumber: true })),
    ...(showsRevisions ? [{ title: "REVISION" }] : []),
    { title: "TIME", isNumber: true },
  ];
  const rows = reports.map((report) => {
    const { server, ok, tools, tokens, revision = "-", ms } = report;
    const formatOptional = (value?: number) => value === undefined ? "-" : formatCount(value);
    return [
      server,
      ok ? "ok" : "FAILED",
      formatOptional(tools),
      formatOptional(tokens),
      ...otherKinds.map((kind) => formatOptional(report[kind])),
      ...(showsRevisions ? [revision] : []),
      formatSeconds(ms),
    ];
  });
  const details = reports.map(({ server, warnings = [], error }) => {
    const lines = warnings.map((warning) => `Warning: ${escapeControls(warning)}`);
    if (error !== undefined) {
      lines.push(error.message);
      if (error.looked !== undefined) {
        lines.push(escapeControls(`Looked in: ${error.looked.join(", ")}`));
      }
      lines.push(escapeControls(`Fix: ${error.fix}`));
    }
    if (lines.length === 0) return "";
    const paragraphs = lines.map((line) => paragraph(line, style, "  "));
    return `\n${escapeControls(server)}\n${paragraphs.join("")}`;
  });
  return table({ columns, rows }, style) + details.join("");
}
