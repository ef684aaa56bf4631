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

/** The flags of `permissions`: those of `serve`, on which it depends what serving needs. */
export type PermissionsFlags = SettingFlags & {
  /** Whether the answer is JSON. */
  readonly json: boolean;
};

/**
 * Prints the flags that allow Deno to serve the present configuration, and nothing else.
 *
 * @param flags As typed.
 * @param outputs Where to print.
 * @returns The exit code: 1 where the configuration cannot be used, 2 where a flag cannot.
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
      // A program that reads it needs the names as they are.
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

const LATER = "These flags serve the present configuration: when a server, a variable or a place " +
  "is added, ask for them again.";

async function readNeeds(flags: SettingFlags): Promise<Needs> {
  const cwd = Deno.cwd();
  const home = homeFolder(Deno.env);
  const settings = readSettings(flags, Deno.env);
  const files = locateFiles(settings, { home, cwd });
  // Only who expands the files knows which variables they name.
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

/** The flags as `deno run` and `deno compile` take them. */
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
    // Whatever else is asked for counts as not set, instead of being an error.
    "--ignore-env",
    ...run === undefined ? ["--allow-run"] : flag("allow-run", run),
    ...flag("allow-net", net),
  ];
}

/** What can be said of a path to Deno: itself, or the folder around what has a comma. */
function sayable(path: string): string {
  let place = path;
  while (place.includes(",")) place = folderOf(place);
  return place;
}

/** Tells where more is allowed than is needed. */
function noteCommas({ read, write }: Needs): string[] {
  return [...new Set([...read, ...write])].filter((path) => path.includes(",")).map((path) => {
    return `Deno's flags cannot hold the comma of ${path}: all of ${sayable(path)} is allowed. ` +
      "Move it to a path without a comma.";
  });
}

/** Paths without those that others contain; a comma, which would end a path, ends it earlier. */
function withoutInner(paths: Iterable<string>): string[] {
  const all = [...paths].map(sayable);
  return all.filter((path) => {
    return !all.some((other) => other !== path && path.startsWith(withSeparator(other)));
  });
}

function withSeparator(folder: string): string {
  const separator = Deno.build.os === "windows" ? "\\" : "/";
  return folder.endsWith(separator) ? folder : folder + separator;
}
