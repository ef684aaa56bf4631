import {
  checkConfiguration,
  type Environment,
  folderOf,
  homeFolder,
  locateFiles,
  readSettings,
  type SettingFlags,
} from "../config/mod.ts";
import { ConfigError, formatProblem } from "../errors.ts";
import type { Outputs } from "./audit.ts";
import { cleanText, styleOf } from "./terminal.ts";
import { findNeeds, type Needs } from "./permission_needs.ts";

/** Flags of `permissions`: those of `serve`, because they decide what serving needs. */
export type PermissionsFlags = SettingFlags & {
  /** Whether to print JSON. */
  readonly json: boolean;
};

/**
 * Prints the flags that allow Deno to serve the present configuration, and nothing else.
 *
 * @returns The exit code: 1 if the configuration is invalid, 2 if a flag is.
 */
export async function permissions(flags: PermissionsFlags, outputs: Outputs): Promise<number> {
  const { stdout, stderr } = outputs;
  const { json, ...settingFlags } = flags;
  try {
    const needs = await readNeeds(settingFlags);
    const words = formatFlags(needs);
    const notes = [...needs.notes, ...noteCommas(needs), LATER];
    if (json) {
      stdout.write(`${JSON.stringify({ flags: words, notes })}\n`);
    } else {
      const text = words.map((word) => `${word}\n`).join("");
      // A program that reads the output needs the names unchanged.
      stdout.write(styleOf(Deno.stdout).isTerminal ? cleanText(text) : text);
      stderr.write(cleanText(notes.map((note) => `${note}\n`).join("")));
    }
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    stderr.write(`${cleanText(error.problems.map(formatProblem).join("\n"))}\n`);
    return error.problems.some(({ path }) => path.startsWith("--")) ? 2 : 1;
  }
}

const LATER =
  "These flags are for the present configuration. Run this command again when you add a " +
  "server, a variable or a path.";

async function readNeeds(flags: SettingFlags): Promise<Needs> {
  const cwd = Deno.cwd();
  const home = homeFolder(Deno.env);
  const settings = readSettings(flags, Deno.env);
  const files = locateFiles(settings, { home, cwd });
  // Records the variables that the files name while they are expanded.
  const variables = new Set<string>();
  const env: Environment = {
    get(name) {
      variables.add(name);
      return Deno.env.get(name);
    },
    toObject: () => Deno.env.toObject(),
  };
  const { configuration, errors } = await checkConfiguration(files, { env, cwd });
  if (configuration === undefined) throw new ConfigError(errors);
  return findNeeds({ settings, files, configuration, variables, env: Deno.env, home, cwd });
}

/** Formats the permissions as flags of `deno run` and `deno compile`. */
export function formatFlags({ read, write, env, run, net }: Needs): string[] {
  const flag = (name: string, values: Iterable<string>): string[] => {
    const list = [...new Set(values)].sort();
    return list.length === 0 ? [] : [`--${name}=${list.join(",")}`];
  };
  return [
    "--no-prompt",
    ...flag("allow-read", withoutInner(read)),
    ...flag("allow-write", withoutInner(write)),
    ...flag("allow-env", env),
    // All other variables count as not set, instead of causing an error.
    "--ignore-env",
    ...run === undefined ? ["--allow-run"] : flag("allow-run", run),
    ...flag("allow-net", net),
  ];
}

/** The path itself, or its nearest parent without a comma, which Deno's flags cannot contain. */
function avoidComma(path: string): string {
  let allowed = path;
  while (allowed.includes(",")) allowed = folderOf(allowed);
  return allowed;
}

/** Notes for paths where more is allowed than needed. */
function noteCommas({ read, write }: Needs): string[] {
  return [...new Set([...read, ...write])].filter((path) => path.includes(",")).map((path) => {
    return `Deno's flags cannot contain the comma in ${path}, so all of ${
      avoidComma(path)
    } is allowed. ` +
      "Move it to a path without a comma.";
  });
}

/** Removes paths inside other paths. */
function withoutInner(paths: Iterable<string>): string[] {
  const all = [...paths].map(avoidComma);
  return all.filter((path) => {
    return !all.some((other) => other !== path && path.startsWith(withSeparator(other)));
  });
}

function withSeparator(folder: string): string {
  const separator = Deno.build.os === "windows" ? "\\" : "/";
  return folder.endsWith(separator) ? folder : folder + separator;
}
