import { abbreviateHome, getHomeFolder } from "../config/mod.ts";
import { fieldsOf } from "../json.ts";
import { escapeControls } from "../text.ts";
import { defineCommand, JSON_FLAG } from "./command.ts";
import { addDifferences } from "./daemon_differences.ts";
import { listDaemons, shortDaemonId, writeProblems } from "./daemons.ts";
import { type DaemonReport, reportDaemon } from "./report_daemon.ts";
import { type Column, paragraph, table } from "./table.ts";
import { jsonOutput, styleOf, type TerminalStyle } from "./terminal.ts";
import { formatMinute } from "./times.ts";

export const command = defineCommand({
  about: "Lists the shared gateways of your user, which serve the clients that start with " +
    "--shared: their configuration, clients, servers, processes and memory. Exit code: 1 if one " +
    "was killed or cannot be used, or a folder for their sockets cannot be used.",
  example: "agent-mcp-gateway ps",
  flags: { json: JSON_FLAG },
  async run({ flags: { json }, stdout, stderr }) {
    const list = listDaemons();
    const runningDaemons = list.daemons.filter(({ hasSocket }) => hasSocket);
    const reports = addDifferences(await Promise.all(runningDaemons.map(reportDaemon)));
    if (json) stdout.write(jsonOutput(JSON.stringify(reports)));
    else stdout.write(reports.map(reportText).join("\n"));
    writeProblems(list, stderr);
    if (reports.length === 0) {
      stderr.write(
        "No shared gateway runs: the next client that starts with --shared starts one, and so does " +
          "the next call of a client that is already open\n",
      );
    }
    return list.problems.length === 0 && reports.every(({ state }) => state === "running") ? 0 : 1;
  },
});

function reportText(report: DaemonReport): string {
  const style = styleOf(Deno.stdout);
  const { id, state, problem, pid, version, started, configuration } = report;
  const shortId = shortDaemonId(id);
  if (problem !== undefined) {
    const title = state === "dead" ? "does not run" : "cannot be used";
    return `${shortId}  ${title}\n${paragraph(problem, style, "  ")}`;
  }
  const { mcpConfig, rules } = fieldsOf(configuration);
  const [clients, servers] = [fieldsIn(report.clients), fieldsIn(report.servers)];
  const lines = [
    `${shortId}  version ${version}, process ${pid}, since ${formatMinute(started)}`,
    `  servers  ${shortPath(mcpConfig)}`,
    `  rules    ${shortPath(rules)}`,
    ...differenceLines(report),
    `  memory   ${memoryText(report.rss, servers)}`,
  ].map((line) => `${escapeControls(line)}\n`);
  return lines.join("") + clientTable(clients, style) + serverTable(servers, style);
}

/** Maximum number of differences that are named. */
const MAX_NAMES = 8;

function differenceLines({ differs }: DaemonReport): string[] {
  if (differs === undefined) return [];
  const { from, in: names } = fieldsOf(differs);
  const allNames = Array.isArray(names) ? names : [];
  const more = allNames.length > MAX_NAMES ? ` and ${allNames.length - MAX_NAMES} more` : "";
  const shownNames = allNames.slice(0, MAX_NAMES).join(", ");
  return [`  differs  from ${shortDaemonId(String(from))} in ${shownNames}${more}`];
}

function shortPath(path: unknown): string {
  return abbreviateHome(String(path), getHomeFolder(Deno.env));
}

const CLIENT_COLUMNS: readonly Column[] = [
  { title: "AGENT" },
  { title: "CLIENT" },
  { title: "REVISION" },
  { title: "PROCESS", isNumber: true },
  { title: "SINCE" },
];

function clientTable(clients: readonly Fields[], style: TerminalStyle): string {
  if (clients.length === 0) return "\n  No client is connected\n";
  const rows = clients.map(({ agent, name, version, revision, pid, since }) => [
    textOf(agent),
    name === null ? "-" : `${textOf(name)} ${textOf(version)}`,
    textOf(revision),
    textOf(pid),
    formatMinute(since),
  ]);
  return `\n${indentedTable(CLIENT_COLUMNS, rows, style)}`;
}

const SERVER_COLUMNS: readonly Column[] = [
  { title: "SERVER" },
  { title: "STATE" },
  { title: "SESSIONS", isNumber: true },
  { title: "PROCESSES", isNumber: true },
  { title: "MEMORY", isNumber: true },
];

function serverTable(servers: readonly Fields[], style: TerminalStyle): string {
  if (servers.length === 0) return "";
  const rows = servers.map(({ name, state, sessions, processes, rss }) => [
    textOf(name),
    textOf(state),
    textOf(sessions),
    textOf(processes),
    typeof rss === "number" ? megabytes(rss) : "-",
  ]);
  return `\n${indentedTable(SERVER_COLUMNS, rows, style)}`;
}

function indentedTable(
  columns: readonly Column[],
  rows: readonly string[][],
  style: TerminalStyle,
): string {
  return table({ columns, rows }, { ...style, columns: style.columns - 2 }).replace(/^/gm, "  ")
    .trimEnd() + "\n";
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsIn(list: unknown): Fields[] {
  return Array.isArray(list) ? list.map(fieldsOf) : [];
}

function textOf(value: unknown): string {
  return value === null || value === undefined ? "-" : String(value);
}

/** Formats the memory of a gateway and of its servers. */
function memoryText(gatewayRss: unknown, servers: readonly Fields[]): string {
  const ownBytes = Number(gatewayRss);
  const knownSizes = servers.flatMap(({ rss }) => typeof rss === "number" ? [rss] : []);
  const text = `${megabytes(ownBytes)} of the gateway`;
  if (knownSizes.length < servers.length || servers.length === 0) return text;
  const serverBytes = knownSizes.reduce((sum, rss) => sum + rss, 0);
  return `${megabytes(ownBytes + serverBytes)}: ${text}, ${megabytes(serverBytes)} of its servers`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
