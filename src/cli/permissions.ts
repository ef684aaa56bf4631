import { type Environment, folderOf, type SettingFlags } from "../config/mod.ts";
import { ConfigError } from "../errors.ts";
import { defineCommand, JSON_FLAG, settingFlags, switchFlag } from "./command.ts";
import { readConfiguration } from "./open_configuration.ts";
import { findNeededPermissions, type NeededPermissions } from "./needed_permissions.ts";
import { UsageError } from "./error_report.ts";
import { escapeLines } from "../text.ts";
import { escapeForTerminal, jsonOutput, styleOf } from "./terminal.ts";

export const command = defineCommand({
  about: "Prints Deno's permission flags for the present configuration, one per line. They " +
    "permit its programs, hosts, variables and folders, and nothing else. Start the gateway with them, " +
    "or build an executable that has them: deno task compile --locked. Add the flags " +
    "that you start the gateway with, such as --agent.",
  example: 'eval "deno run $(agent-mcp-gateway permissions --shell) dist/agent-mcp-gateway.js"',
  flags: {
    ...settingFlags(),
    json: JSON_FLAG,
    shell: switchFlag("Print one line, with each flag quoted for a POSIX shell"),
  },
  async run({ flags: { json, shell, ...flags }, stdout, stderr }) {
    if (json && shell) throw new UsageError("--json and --shell exclude each other: remove one");
    const permissions = await readNeededPermissions(flags);
    const permissionFlags = formatFlags(permissions);
    const notes = [
      ...permissions.notes,
      ...noteInterpreters(permissions),
      ...noteCommas(permissions),
      RERUN_NOTE,
    ];
    if (json) stdout.write(jsonOutput(JSON.stringify({ flags: permissionFlags, notes })));
    else {
      const flagWithBlank = permissionFlags.find((flag) => /\s/.test(flag));
      if (flagWithBlank !== undefined && !shell) {
        // After the split, a part of a path could be a flag such as --allow-all.
        stderr.write(
          escapeLines(
            `A shell would split this flag at its blanks: ${flagWithBlank}\n${SPLIT_FIX}\n`,
          ),
        );
        return 1;
      }
      // The flags are on one line, because `eval` would end the command at a line feed.
      const text = shell
        ? permissionFlags.map(quoteForShell).join(" ")
        : permissionFlags.join("\n");
      // A program that reads the output needs the names unchanged.
      stdout.write(`${escapeForTerminal(text, styleOf(Deno.stdout))}\n`);
      stderr.write(escapeLines(notes.map((note) => `${note}\n`).join("")));
    }
    return 0;
  },
});

const SPLIT_FIX =
  "Fix: add --shell, which quotes the flags, and let the shell read them with eval; " +
  "or add --json.";

/** Quotes a text for a POSIX shell. */
function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const RERUN_NOTE =
  "These flags are for the present configuration. Run this command again when you add a " +
  "server, a variable or a path.";

async function readNeededPermissions(flags: SettingFlags): Promise<NeededPermissions> {
  // Records the variables that the files refer to while they are read.
  const variables = new Set<string>();
  const env: Environment = {
    get(name) {
      variables.add(name);
      return Deno.env.get(name);
    },
    toObject: () => Deno.env.toObject(),
  };
  const cwd = Deno.cwd();
  const { settings, files, configuration, errors } = await readConfiguration(flags, { env, cwd });
  if (configuration === undefined) throw new ConfigError(errors);
  return findNeededPermissions({ settings, files, configuration, variables, env: Deno.env, cwd });
}

/** Returns the permissions as flags of `deno run` and `deno compile`. */
export function formatFlags({ read, write, env, run, net }: NeededPermissions): string[] {
  const formatFlag = (name: string, values: Iterable<string>): string[] => {
    const sortedValues = [...new Set(values)].sort();
    return sortedValues.length === 0 ? [] : [`--${name}=${sortedValues.join(",")}`];
  };
  return [
    "--no-prompt",
    ...formatFlag("allow-read", withoutNested(read)),
    ...formatFlag("allow-write", withoutNested(write)),
    ...formatFlag("allow-env", env),
    // With this flag, reading any other variable returns `undefined` instead of throwing.
    "--ignore-env",
    ...run === undefined ? ["--allow-run"] : formatFlag("allow-run", run),
    ...formatFlag("allow-net", net),
    // The gateway compares the owner of a file with its own user id.
    "--allow-sys=uid",
  ];
}

/** Programs that run any code, and therefore any other program. */
const INTERPRETER =
  /^(?:(?:ba|da|k|z|fi)?sh|cmd|pwsh|powershell|env|node|npm|npx|pnpm|yarn|bunx?|deno|uvx?|pipx|python[\d.]*|ruby|perl|docker|podman)$/i;

/** Returns a note on the programs through which code in the gateway could bypass these permissions. */
function noteInterpreters({ run = new Set() }: NeededPermissions): string[] {
  const names = [...run].map((program) => program.replace(/^.*[/\\]|\.\w+$/g, ""));
  const interpreters = [...new Set(names)].filter((name) => INTERPRETER.test(name)).sort();
  if (interpreters.length === 0) return [];
  return [
    `--allow-run includes ${interpreters.join(", ")}, which can run any program. So these flags ` +
    "limit mistakes of the gateway, but not a person who can run code in it: use a container or " +
    "another user against that.",
  ];
}

/** Returns the path, or its nearest folder without a comma: Deno's flags separate paths with commas. */
function withoutComma(path: string): string {
  let folder = path;
  while (folder.includes(",")) folder = folderOf(folder);
  return folder;
}

/** Returns a note for each path with a comma, because its permission is broader than necessary. */
function noteCommas({ read, write }: NeededPermissions): string[] {
  return [...new Set([...read, ...write])].filter((path) => path.includes(",")).map((path) => {
    return `Deno's flags cannot contain the comma in ${path}, so all of ${withoutComma(path)} ` +
      "is allowed. Move it to a path without a comma.";
  });
}

/** Returns paths without commas that cover all given paths; leaves out a path that is inside another. */
function withoutNested(paths: Iterable<string>): string[] {
  const folders = [...paths].map(withoutComma);
  return folders.filter((path) => {
    return !folders.some((folder) => folder !== path && path.startsWith(withSeparator(folder)));
  });
}

function withSeparator(folder: string): string {
  const separator = Deno.build.os === "windows" ? "\\" : "/";
  return folder.endsWith(separator) ? folder : folder + separator;
}
