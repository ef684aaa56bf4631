import {
  checkConfiguration,
  type CheckResult,
  type Configuration,
  describeFileChoices,
  type Environment,
  getHomeFolder,
  type LocatedFiles,
  locateFiles,
  readSettings,
  type SettingFlags,
  type Settings,
  trustFileFor,
  warnUnknownVariables,
} from "../config/mod.ts";
import { ConfigError, formatProblem } from "../errors.ts";
import { createLog, type Log } from "../log.ts";
import { LogRedactor } from "./log_redactor.ts";

/** The environment and the working folder of a command; tests replace them. */
export interface OpenContext {
  readonly env: Environment;
  /** The working folder, absolute. */
  readonly cwd: string;
}

/** The settings and the paths of the two files. */
export interface SettingsAndFiles {
  readonly settings: Settings;
  readonly files: LocatedFiles;
}

/** The result of reading both files, which may have errors. */
export interface CheckedConfiguration extends SettingsAndFiles, CheckResult {}

/** A configuration without errors. */
export interface OpenedConfiguration extends SettingsAndFiles {
  readonly configuration: Configuration;
  /** Writes to stderr, at the level `warn` unless another is set. */
  readonly log: Log;
}

function thisProcess(): OpenContext {
  return { env: Deno.env, cwd: Deno.cwd() };
}

/**
 * Finds the servers file and the rules file.
 *
 * @throws {ConfigError} if a flag or a variable has a bad value.
 */
export function findFiles(
  flags: SettingFlags,
  { env, cwd }: OpenContext = thisProcess(),
): SettingsAndFiles {
  const settings = readSettings(flags, env);
  return { settings, files: locateFiles(settings, { home: getHomeFolder(env), cwd }) };
}

/**
 * Finds, reads and checks both files.
 *
 * @param options `mustBeTrusted`: whether files of the working folder must be trusted, because servers
 * will start. `env` and `cwd`: by default those of this process.
 * @throws {ConfigError} if a flag or a variable has a bad value.
 */
export async function readConfiguration(
  flags: SettingFlags,
  { mustBeTrusted = false, ...context }: OpenContext & { readonly mustBeTrusted?: boolean } =
    thisProcess(),
): Promise<CheckedConfiguration> {
  const { settings, files } = findFiles(flags, context);
  const trustFile = mustBeTrusted ? trustFileFor(settings, context.env) : undefined;
  const result = await checkConfiguration(files, { ...context, trustFile, settings });
  const warnings = [...warnUnknownVariables(context.env), ...result.warnings];
  return { settings, files, ...result, warnings };
}

/**
 * Reads both files for a command that needs a configuration without errors.
 *
 * @param options `startsServers`: whether the command may start servers, so that files of the working folder must be
 * trusted. Default: yes.
 * @throws {ConfigError} if a file has errors or is not trusted; contains the errors of both files.
 */
export async function openConfiguration(
  flags: SettingFlags,
  { startsServers = true }: { readonly startsServers?: boolean } = {},
): Promise<OpenedConfiguration> {
  const { settings, files, configuration, errors } = await readConfiguration(flags, {
    ...thisProcess(),
    mustBeTrusted: startsServers,
  });
  if (configuration === undefined) throw new ConfigError(errors);
  const redactor = new LogRedactor();
  redactor.add(configuration);
  // The log that `serve` prints by default would hide the command's result.
  const { logLevel = "warn" } = settings;
  const colors = Deno.stderr.isTerminal() && !Deno.noColor;
  const log = createLog({
    level: logLevel,
    format: settings.logFormat,
    colors,
    redact: redactor.redact,
  });
  for (const note of describeFileChoices(files)) log.info(note);
  for (const warning of warnUnknownVariables(Deno.env)) log.warn(formatProblem(warning));
  return { settings, files, configuration, log };
}
