import {
  abbreviateHome,
  checkConfiguration,
  type CheckResult,
  type Configuration,
  describeFileChoices,
  FileWatch,
  findExposure,
  getApprovalsFolder,
  getHomeFolder,
  getResultsFolder,
  hasCredentials,
  locateFiles,
  locateLockFile,
  MAX_DEPTH,
  needsTrust,
  readDepth,
  readSettings,
  resolvePath,
  type SettingFlags,
  type Settings,
  trustFileFor,
  warnUnknownVariables,
} from "../config/mod.ts";
import { ConfigError, formatProblem, problemWithoutPosition } from "../errors.ts";
import {
  describeUnknownAgent,
  Gateway,
  type ReloadOptions,
  serveHttp,
  serveStdio,
} from "../gateway/mod.ts";
import { standardError, standardOutputLines, standardStream } from "../line_queue.ts";
import { createLog, type Log, type LogOptions } from "../log.ts";
import { loadTracer } from "../trace.ts";
import { LogRedactor } from "./log_redactor.ts";
import { auditFallback } from "./audit_path.ts";
import { openCatalogs } from "./open_catalogs.ts";
import { VERSION } from "../version.ts";

/** The flags of `serve`. */
export type ServeFlags = SettingFlags;

/** Serves clients in place of the transport of the settings. */
export interface CustomService {
  /** Writes a line of the log, in place of standard error. */
  readonly write: (line: string) => void;
  /** Serves clients until the process has to end. */
  readonly serve: (
    gateway: Gateway,
    context: { readonly settings: Settings; readonly log: Log },
  ) => Promise<void>;
}

/**
 * Serves until the client or the system ends the process.
 *
 * @param service Serves the clients; default: the transport of the settings.
 * @returns The exit code: 1 if the configuration cannot be used, 2 if a flag cannot.
 */
export async function serve(flags: ServeFlags, service?: CustomService): Promise<number> {
  const redactor = new LogRedactor();
  const isTerminal = service === undefined && Deno.stderr.isTerminal();
  const logOptions: LogOptions = {
    redact: redactor.redact,
    colors: isTerminal && !Deno.noColor,
    // The parent process may not read the log; that must not block the gateway.
    write: service?.write ?? ((line) => void standardError.add(line)),
  };
  let log = createLog(logOptions);
  standardError.onDropped = (dropped) => {
    // The level `error` is always logged.
    log.error("Lines of the log were dropped, because nothing read standard error", { dropped });
  };
  standardOutputLines.onDropped = (dropped) => {
    log.error("Lines of the audit log were dropped, because nothing read standard output", {
      dropped,
    });
  };
  try {
    const givenSettings = readSettings(flags, Deno.env);
    // Each client of a daemon names its own agent.
    const settings = service === undefined ? givenSettings : withoutAgent(givenSettings);
    // Clients over stdio show log lines as errors, or keep them forever.
    const isReadByClient = settings.transport === "stdio" && !isTerminal && service === undefined;
    const { logLevel = isReadByClient ? "warn" : "info", logFormat } = settings;
    log = createLog({ ...logOptions, level: logLevel, format: logFormat });
    refuseLoops();
    if (settings.shared && service === undefined) {
      const { serveShared } = await import("../relay/mod.ts");
      return await serveShared(flags, settings);
    }
    await refuseSharedStream(settings);
    redactor.addSecret(settings.metricsToken);
    const { configuration, reload } = await checkAndWatchConfiguration(settings, redactor, log);
    if (logLevel === "info" || logLevel === "debug") {
      // The search for other files takes most of a millisecond.
      for (const note of describeFileChoices(reload.files)) log.info(note);
    }
    const warnings = [...warnUnknownVariables(Deno.env), ...configuration.warnings];
    for (const warning of warnings) log.warn(formatProblem(warning));
    const gateway = new Gateway({
      settings,
      configuration,
      reload,
      auditFallback: auditFallback(),
      approvalsFolder: getApprovalsFolder(Deno.env),
      resultsFolder: getResultsFolder(Deno.env),
      catalogs: openCatalogs(log, { serversFile: reload.files.mcpConfig.path }),
      version: VERSION,
      tracer: await loadTracer(Deno.env.get("OTEL_DENO") === "true", VERSION),
      log,
    });
    logSummary({ settings, configuration, gateway, log });
    const logReady = (): void => {
      log.info(`Gateway is ready. Running with ${settings.transport} transport...`);
    };
    if (service !== undefined) {
      await service.serve(gateway, { settings, log });
    } else if (settings.transport === "http") {
      await serveHttp(gateway, { settings, onListening: logReady, log });
    } else {
      logReady();
      logTerminalHint(log);
      await serveStdio(gateway, log);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { problemsText } = await import("./fold_problems.ts");
    log.error(`The gateway cannot start:\n${problemsText(error.problems)}`);
    return error.problems.some(({ path }) => path.startsWith("--")) ? 2 : 1;
  }
}

async function checkAndWatchConfiguration(
  settings: Settings,
  redactor: LogRedactor,
  log: Log,
): Promise<{ configuration: Configuration; reload: ReloadOptions }> {
  const cwd = Deno.cwd();
  const files = locateFiles(settings, { home: getHomeFolder(Deno.env), cwd });
  log.info(`Loading MCP server configuration from: ${files.mcpConfig.displayPath}`);
  log.info(`Loading gateway rules from: ${files.rules.displayPath}`);
  // The watch begins before the files are read, so that no change in between is missed.
  const trustFile = needsTrust(files) ? trustFileFor(settings, Deno.env) : undefined;
  const watch = new FileWatch([
    ...[files.mcpConfig.path, files.rules.path, locateLockFile(files.rules).path],
    ...(trustFile === undefined ? [] : [resolvePath(cwd, trustFile)]),
  ]);
  const checkFiles = async (): Promise<CheckResult> => {
    const result = await checkConfiguration(files, { env: Deno.env, cwd, trustFile, settings });
    if (result.configuration === undefined) return result;
    redactor.add(result.configuration);
    const { rules } = result.configuration;
    const exposureErrors = findExposure(settings, { rules, file: files.rules.displayPath });
    return exposureErrors.length > 0
      ? { errors: exposureErrors, warnings: result.warnings }
      : result;
  };
  const { configuration, errors } = await checkFiles();
  if (configuration === undefined) throw new ConfigError(errors);
  return { configuration, reload: { files, watch, checkFiles } };
}

/** Refuses to start if too many gateways have started one another. */
function refuseLoops(): void {
  if (readDepth(Deno.env) < MAX_DEPTH) return;
  const message = `${MAX_DEPTH} gateways have started one another; take the gateway's own entry ` +
    "out of the servers that it starts";
  throw new ConfigError([problemWithoutPosition(message)]);
}

/** Refuses an audit log on standard error if that is the pipe that carries the protocol, as after `2>&1`. */
async function refuseSharedStream({ transport, auditLog }: Settings): Promise<void> {
  if (transport === "http" || standardStream(auditLog) === undefined) return;
  // Loaded only here, because loading it takes 30 ms.
  const { fstatSync } = await import("node:fs");
  const [output, error] = [fstatSync(1), fstatSync(2)];
  if (output.isCharacterDevice() || output.dev !== error.dev || output.ino !== error.ino) return;
  const message =
    "the audit log would be written to standard output, which carries the protocol, " +
    "because both streams are the same. Fix: name a file with --audit-log, or separate the streams";
  throw new ConfigError([problemWithoutPosition(message)]);
}

function withoutAgent({ agent: _agent, ...settings }: Settings): Settings {
  return settings;
}

function logSummary(
  { settings, configuration, gateway, log }: {
    settings: Settings;
    configuration: Configuration;
    gateway: Gateway;
    log: Log;
  },
): void {
  const { servers, rules } = configuration;
  const unnamedAgent = settings.agent ??
    (rules.denyOnMissingAgent ? undefined : settings.defaultAgent ?? "default");
  const unnamedCalls = unnamedAgent === undefined ? "are refused" : `count as "${unnamedAgent}"`;
  const callers = settings.transport === "http" && hasCredentials(rules)
    ? "each client needs a credential, which names its agent"
    : `calls without agent_id ${unnamedCalls}`;
  const auditPath = abbreviateHome(gateway.auditPath ?? "nowhere", getHomeFolder(Deno.env));
  log.info(`Audit log will be written to: ${auditPath}`);
  log.info(
    [
      `Agent MCP Gateway ${VERSION} initialized successfully`,
      `- ${servers.size} MCP server(s) configured`,
      `- ${rules.agents.size} agent(s) configured`,
      `- Default policy: deny unknown agents; ${callers}`,
      ...describeTools({ settings, configuration, gateway }),
    ].join("\n"),
  );
  warnOfAgentSettings(settings, configuration, log);
}

/** Describes the tools that clients see: the gateway's own, and those of servers that are shown directly. */
function describeTools(
  { settings: { face }, configuration: { servers }, gateway }: {
    readonly settings: Settings;
    readonly configuration: Configuration;
    readonly gateway: Gateway;
  },
): string[] {
  if (face === "direct") return ["- Direct tools: all that an agent may call"];
  const names = [...gateway.tools.keys()];
  const directServers = [...servers.values()].filter(({ directTools }) =>
    directTools !== undefined
  );
  return [
    `- ${names.length} gateway tools available: ${names.join(", ")}`,
    ...(directServers.length === 0
      ? []
      : [`- Direct tools: of ${directServers.map(({ name }) => name).join(", ")}`]),
  ];
}

/** Logs what to do if a person has started the gateway at a terminal, which sends no MCP messages. */
function logTerminalHint(log: Log): void {
  if (!Deno.stdin.isTerminal()) return;
  log.info(
    [
      "Waiting for an MCP client on standard input. An MCP client starts this command itself:",
      "- agent-mcp-gateway init writes the configuration and the client's entry",
      "- agent-mcp-gateway doctor checks the servers",
      "- Ctrl-C ends it",
    ].join("\n"),
  );
}

/** Warns about agents in the settings that are unknown or have no effect. */
function warnOfAgentSettings(settings: Settings, { rules }: Configuration, log: Log): void {
  const { agent, defaultAgent } = settings;
  const warnings = [
    describeUnknownAgent(agent, { agents: rules.agents, role: "that the gateway is bound to" }),
    describeUnknownAgent(defaultAgent, {
      agents: rules.agents,
      role: "that the gateway has by default",
    }),
  ];
  for (const warning of warnings) if (warning !== undefined) log.warn(warning);
  if (defaultAgent !== undefined && agent === undefined && rules.denyOnMissingAgent) {
    log.warn(
      `The default agent "${defaultAgent}" has no effect: defaults.deny_on_missing_agent is true`,
    );
  }
}
