import { createChildEnvironment, type StdioConfig } from "../config/mod.ts";
import { formatPath } from "../json.ts";
import { lineEndingsFix } from "../downstream/causes/mod.ts";
import type { StartFailure, StartFailureKind } from "../downstream/mod.ts";

/** Why a command could not be started, and how to fix it. */
export interface StartFinding {
  readonly kind: StartFailureKind;
  readonly message: string;
  readonly fix: string;
  /** The folders, or the path, where the command was searched. */
  readonly looked?: readonly string[];
}

/** The server whose command could not be started. */
export interface FailedStart {
  readonly name: string;
  readonly connection: StdioConfig;
  /** Whether to follow Windows' rules; default: on Windows. */
  readonly windows?: boolean | undefined;
}

interface FixContext {
  /** Path of the entry in the servers file. */
  readonly entry: string;
  readonly command: string;
  readonly cwd: string | undefined;
  /** The file at fault. */
  readonly path: string;
  /** The missing program or link target. */
  readonly subject: string | undefined;
  /** Whether the command is a path. */
  readonly isPath: boolean;
}

const NOT_PERMITTED = ({ command }: FixContext): string =>
  `Make ${command} executable for the user that runs the gateway, and allow Deno to run it ` +
  "(--allow-run)";

const FIXES: Readonly<Record<StartFailureKind, (context: FixContext) => string>> = {
  "folder-not-found": ({ cwd, entry }) => `Create the folder ${cwd}, or correct ${entry}.cwd`,
  "folder-is-file": ({ cwd, entry }) => `Write the folder that holds ${cwd} into ${entry}.cwd`,
  "arguments-in-command": ({ entry }) =>
    `Put only the program into ${entry}.command, and its arguments into "args"`,
  "command-not-found": ({ command, entry, isPath }) =>
    isPath
      ? `Correct ${entry}.command: there is no such program`
      : `Install ${command}, or write its full path into ${entry}.command; programs started from a ` +
        "desktop have a different PATH from a shell",
  "sandbox-not-found": ({ entry }) =>
    `Install the package bubblewrap, or remove ${entry}.gateway.sandbox`,
  "dangling-link": ({ subject, path, entry }) =>
    `Reinstall ${subject}, which ${path} links to, or correct ${entry}.command`,
  "command-is-folder": ({ path, entry }) =>
    `Write the path of the program in ${path} into ${entry}.command`,
  "not-executable": ({ path }) => `Run: chmod +x ${path}`,
  "carriage-return": ({ path }) => lineEndingsFix(path),
  "interpreter-not-found": ({ subject, path }) =>
    `Install ${subject}, or correct the first line of ${path}; "#!/usr/bin/env NAME" looks ` +
    "for the program on the PATH",
  "foreign-binary": ({ command }) =>
    `Install the build of ${command} for this system (${Deno.build.target})`,
  "not-permitted": NOT_PERMITTED,
  "not-allowed": NOT_PERMITTED,
  "other": ({ command }) => `Run ${command} by hand, in the same folder, and read what it prints`,
};

/** Determines how to fix a command that could not be started. */
export function findStartCause(
  { kind, message, subject, path }: StartFailure,
  { name, connection, windows = Deno.build.os === "windows" }: FailedStart,
): StartFinding {
  const { command, cwd, env } = connection;
  const entry = formatPath(["mcpServers", name]);
  const isPath = command.includes("/") || (windows && command.includes("\\"));
  const fix = FIXES[kind]({ entry, command, cwd, path: path ?? command, subject, isPath });
  if (kind === "folder-not-found") {
    return { kind, message: `its folder ${cwd} does not exist`, fix };
  }
  if (kind !== "command-not-found") return { kind, message, fix };
  const folders = createChildEnvironment({ env, inheritEnv: [] }, Deno.env)["PATH"] ?? "";
  const looked = folders.split(windows ? ";" : ":").filter((part) => part !== "");
  return { kind, message, fix, looked: isPath ? [command] : looked };
}
