import { childEnvironment, type ConnectStdio } from "../config/mod.ts";
import { formatPath } from "../json.ts";
import { lineEndingsFix } from "../downstream/causes/mod.ts";
import type { StartFailure, StartFailureKind } from "../downstream/mod.ts";

/** Why a command could not be started, and how to fix it. */
export interface StartFinding {
  readonly kind: StartFailureKind;
  readonly message: string;
  readonly fix: string;
  /** The paths at which the command was looked for. */
  readonly looked?: readonly string[];
}

/** The server whose command could not be started. */
export interface StartContext {
  readonly name: string;
  readonly connect: ConnectStdio;
  /** Whether the rules of Windows apply; default: those of this machine. */
  readonly windows?: boolean | undefined;
}

/** Finds out how to fix a command that could not be started. */
export function findStartCause(
  failure: StartFailure,
  { name, connect, windows = Deno.build.os === "windows" }: StartContext,
): StartFinding {
  const { kind, message, subject } = failure;
  const { command, cwd } = connect;
  const entry = formatPath(["mcpServers", name]);
  const path = failure.path ?? command;
  const fix = (text: string): StartFinding => ({ kind, message, fix: text });
  switch (kind) {
    case "folder-not-found":
      return {
        kind,
        message: `its folder ${cwd} does not exist`,
        fix: `Create the folder ${cwd}, or correct ${entry}.cwd`,
      };
    case "folder-is-file":
      return fix(`Write the folder that holds ${cwd} into ${entry}.cwd`);
    case "arguments-in-command":
      return fix(
        `Put only the program into ${entry}.command, and its arguments into "args"`,
      );
    case "command-not-found":
      return notFound(failure, { connect, entry, windows });
    case "dangling-link":
      return fix(
        `Reinstall ${subject}, which ${path} links to, or correct ${entry}.command`,
      );
    case "command-is-folder":
      return fix(`Write the path of the program in ${path} into ${entry}.command`);
    case "not-executable":
      return fix(`Run: chmod +x ${path}`);
    case "carriage-return":
      return fix(lineEndingsFix(path));
    case "interpreter-not-found":
      return fix(
        `Install ${subject}, or correct the first line of ${path}; "#!/usr/bin/env NAME" looks ` +
          "for the program on the PATH",
      );
    case "foreign-binary":
      return fix(`Install the build of ${command} for this system (${Deno.build.target})`);
    case "not-permitted":
    case "not-allowed":
      return fix(
        `Make ${command} executable for the user that runs the gateway, and allow Deno to run it ` +
          "(--allow-run)",
      );
    case "other":
      return fix(`Run ${command} by hand, in the same folder, and read what it prints`);
  }
}

function notFound(
  { message }: StartFailure,
  { connect, entry, windows }: { connect: ConnectStdio; entry: string; windows: boolean },
): StartFinding {
  const { command, env } = connect;
  const isPath = command.includes("/") || (windows && command.includes("\\"));
  const path = childEnvironment({ env, inheritEnv: [] }, Deno.env)["PATH"] ?? "";
  const looked = isPath ? [command] : path.split(windows ? ";" : ":").filter((part) => part !== "");
  const fix = isPath
    ? `Correct ${entry}.command: there is no such program`
    : `Install ${command}, or write its full path into ${entry}.command; programs started from a ` +
      "desktop have a different PATH from a shell";
  return { kind: "command-not-found", message, fix, looked };
}
