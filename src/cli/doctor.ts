import { type ConfigProblem, type Configuration, formatPath } from "../config/mod.ts";
import { formatProblem } from "../errors.ts";
import { loadTokenCounter, type TokenCounter } from "./count_tokens.ts";
import { findCause, type Finding } from "./doctor_finding.ts";
import { withInterrupts } from "./interrupts.ts";
import { isDownloaded } from "../downstream/causes/mod.ts";
import { checkServer } from "./resolve_names.ts";
import {
  type FileFlags,
  openConfiguration,
  UsageError,
  withErrorReport,
} from "./open_configuration.ts";
import { cleanLine, formatCount, type Outputs, styleOf, type TerminalStyle } from "./terminal.ts";
import { type Probe, withProbes } from "./probe.ts";
import { Progress } from "./progress.ts";
import { paragraph, table } from "./table.ts";
import { rulesWarnings, toolsOf, unmatchedTools } from "./unmatched_rules.ts";

/** The flags of `doctor`. */
export interface DoctorFlags extends FileFlags {
  /** Whether the answer is JSON. */
  readonly json: boolean;
}

/** What is told of a server. */
interface DoctorReport {
  readonly server: string;
  readonly ok: boolean;
  readonly tools?: number;
  /** Tokens of all its definitions. */
  readonly tokens?: number;
  readonly ms: number;
  readonly warnings?: readonly string[];
  readonly error?: Finding;
}

/**
 * Starts servers, and tells what is wrong with them and how to fix it.
 *
 * @param flags As typed.
 * @param only The one server to start; default: all.
 * @param outputs Where to print.
 * @returns The exit code: 1 if any fails.
 */
export async function doctor(
  flags: DoctorFlags,
  only: string | undefined,
  outputs: Outputs,
): Promise<number> {
  const { json, mcpConfig, rules } = flags;
  return await withErrorReport(outputs, async () => {
    const { settings, files, configuration, log } = await openConfiguration({ mcpConfig, rules });
    const names = chooseServers(only, configuration);
    // While servers start there is time to load it.
    const counter = loadTokenCounter();
    return await withInterrupts(async (interrupts) => {
      const options = { settings, log, interrupts };
      using progress = new Progress(names, outputs.stderr, interrupts.signal, (name) => {
        const connect = configuration.servers.get(name)?.connect;
        return connect?.kind === "stdio" && isDownloaded(connect);
      });
      const { reports, tools } = await withProbes(configuration, options, async (probes) => {
        const found = await probes.run(names, ({ config, error, tools, ms }) => {
          const how = error === undefined ? `${tools?.length} tools` : "FAILED";
          progress.done(config.name, `${how} ${seconds(ms)}`);
        });
        const { count } = await counter;
        const reports = found.map((probe) => report(probe, count, configuration));
        return { reports, tools: toolsOf(found, configuration.servers.keys()) };
      });
      const ofRules = only === undefined ? rulesWarnings(configuration, undefined) : [];
      const unmatched = unmatchedTools(configuration.rules, tools, { file: files.rules.shown });
      const warnings = [...ofRules, ...unmatched];
      progress[Symbol.dispose]();
      const text = json
        ? `${JSON.stringify({ servers: reports, warnings })}\n`
        : reportText(reports) + warningsText(warnings);
      outputs.stdout.write(text);
      if (reports.length === 0) outputs.stderr.write("No server is configured\n");
      return reports.every(({ ok }) => ok) ? 0 : 1;
    });
  });
}

/** What agents may use, and no server has. */
function warningsText(
  warnings: readonly ConfigProblem[],
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  if (warnings.length === 0) return "";
  const lines = warnings.map((problem) => {
    return paragraph(`Warning: ${cleanLine(formatProblem(problem))}`, style, "  ");
  });
  return `\nRules\n${lines.join("")}`;
}

/** The servers that are meant. */
function chooseServers(only: string | undefined, configuration: Configuration): string[] {
  const { servers, unused } = configuration;
  if (only === undefined) return [...servers.keys()];
  checkServer(only, configuration);
  if (servers.has(only)) return [only];
  throw new UsageError(`The server "${only}" is not started: ${unused.get(only)}`);
}

function report(
  probe: Probe,
  count: TokenCounter["count"],
  { servers, warnings }: Configuration,
): DoctorReport {
  const { config, tools, ms, noise, oddities } = probe;
  const slow = slowWarning(probe, servers.get(config.name)?.options.connectTimeoutMs);
  const said = tools === undefined ? oddities : [
    ...oddities,
    ...slow,
    ...noise.slice(0, 1).map((text) => {
      const isLocal = config.connect.kind === "stdio";
      const what = isLocal
        ? "writes text that is not an MCP message to stdout"
        : "sends data that is not an MCP message";
      const quote = JSON.stringify(text.slice(0, 80));
      return `it ${what}, such as ${quote}${isLocal ? ": it should log to stderr" : ""}`;
    }),
  ];
  return {
    server: config.name,
    ok: tools !== undefined,
    ...(tools === undefined ? {} : {
      tools: tools.length,
      tokens: count(`[${tools.map(({ text }) => text.text).join(",")}]`),
    }),
    ms: Math.round(ms),
    ...(said.length === 0 ? {} : { warnings: said }),
    ...(tools === undefined ? { error: findCause(probe, { warnings }) } : {}),
  };
}

/** A server that is started here, where a download may take long, and not when an agent calls it. */
function slowWarning({ config, ms }: Probe, limitMs: number = Infinity): string[] {
  if (ms <= limitMs) return [];
  const key = `${formatPath(["mcpServers", config.name])}.gateway.connect_timeout_ms`;
  return [
    `it took ${seconds(ms)} to start, and agents' calls wait for ${
      seconds(limitMs)
    } at most. If it ` +
    `was downloaded just now, the next start is faster; otherwise raise ${key}`,
  ];
}

const GREEN = "\x1b[32m";
const RED = "\x1b[31m";

function reportText(
  reports: readonly DoctorReport[],
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  if (reports.length === 0) return "";
  const overview = table(
    [
      { title: "SERVER" },
      { title: "RESULT", colour: (cell) => cell === "ok" ? GREEN : RED },
      { title: "TOOLS", isNumber: true },
      { title: "TOKENS", isNumber: true },
      { title: "TIME", isNumber: true },
    ],
    reports.map(({ server, ok, tools, tokens, ms }) => {
      const number = (value?: number) => value === undefined ? "-" : formatCount(value);
      return [server, ok ? "ok" : "FAILED", number(tools), number(tokens), seconds(ms)];
    }),
    style,
  );
  const details = reports.map(({ server, warnings = [], error }) => {
    const lines = warnings.map((warning) => `Warning: ${warning}`);
    if (error !== undefined) {
      lines.push(error.message);
      if (error.looked !== undefined) lines.push(`Looked in: ${error.looked.join(", ")}`);
      lines.push(`Fix: ${error.fix}`);
    }
    if (lines.length === 0) return "";
    return `\n${cleanLine(server)}\n${lines.map((line) => paragraph(line, style, "  ")).join("")}`;
  });
  return overview + details.join("");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
