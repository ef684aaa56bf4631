import {
  checkConfiguration,
  type Checked,
  type Configuration,
  type Environment,
  type FoundFiles,
  homeFolder,
  locateFiles,
  noteFinds,
  readSettings,
  type SettingFlags,
  type Settings,
  warnVariables,
} from "../config/mod.ts";
import { ConfigError, formatProblem } from "../errors.ts";
import { createLog, type Log } from "../log.ts";
import { foldProblems } from "./fold_problems.ts";
import { LogSecrets } from "./log_secrets.ts";
import { cleanText, type Outputs } from "./terminal.ts";

/** Flags that say which two files are meant; those of `serve`, as far as a command has them. */
export interface FileFlags {
  /** The servers file. */
  readonly mcpConfig?: string;
  /** The rules file. */
  readonly rules?: string;
}

/** Where a command runs. */
export interface OpenContext {
  /** Where variables come from. */
  readonly env: Environment;
  /** The working folder, absolute. */
  readonly cwd: string;
}

/** What both files say, right or wrong. */
export interface ReadConfiguration extends Checked {
  /** Flags and variables. */
  readonly settings: Settings;
  /** Where the files were found. */
  readonly files: FoundFiles;
}

/** A configuration that can be used, and a log that tells none of its secrets. */
export interface OpenedConfiguration {
  /** Flags and variables. */
  readonly settings: Settings;
  /** Where the files were found. */
  readonly files: FoundFiles;
  /** What they say. */
  readonly configuration: Configuration;
  /** Writes to stderr; less than the log of `serve`, unless more is asked for. */
  readonly log: Log;
  /** Takes secrets out of a text. */
  readonly clean: (text: string) => string;
}

/** The command line makes no sense; the message says what is missing. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * Finds and reads both files.
 *
 * @throws {ConfigError} A flag or a variable has a bad value.
 */
export async function readConfiguration(
  flags: SettingFlags,
  { env, cwd }: OpenContext = { env: Deno.env, cwd: Deno.cwd() },
): Promise<ReadConfiguration> {
  const settings = readSettings(flags, env);
  const files = locateFiles(settings, { home: homeFolder(env), cwd });
  const checked = await checkConfiguration(files, { env, cwd });
  return { settings, files, ...checked, warnings: [...warnVariables(env), ...checked.warnings] };
}

/**
 * Reads both files for a command that needs them whole.
 *
 * @throws {ConfigError} Holds every error of both files.
 */
export async function openConfiguration(flags: SettingFlags): Promise<OpenedConfiguration> {
  const { settings, files, configuration, errors } = await readConfiguration(flags);
  if (configuration === undefined) throw new ConfigError(errors);
  const secrets = new LogSecrets([homeFolder(Deno.env) ?? "", Deno.cwd()]);
  secrets.add(configuration);
  const { clean } = secrets;
  // What is usual while serving would hide the answer of a command.
  const { logLevel = "warn" } = settings;
  const colours = Deno.stderr.isTerminal() && !Deno.noColor;
  const log = createLog({ level: logLevel, format: settings.logFormat, colours, clean });
  for (const note of noteFinds(files)) log.info(note);
  for (const warning of warnVariables(Deno.env)) log.warn(formatProblem(warning));
  return { settings, files, configuration, log, clean };
}

/**
 * Runs a command, and tells what an operator has to mend.
 *
 * @returns The command's exit code; 2 where a flag makes no sense, 1 where the configuration cannot
 * be used.
 */
export async function withErrorReport(
  { stderr }: Outputs,
  run: () => Promise<number>,
): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof UsageError) {
      stderr.write(`${cleanText(error.message)}\n`);
      return 2;
    }
    if (!(error instanceof ConfigError)) throw error;
    stderr.write(`${cleanText(foldProblems(error.problems).join("\n"))}\n`);
    return error.problems.some(({ path }) => path.startsWith("--")) ? 2 : 1;
  }
}
