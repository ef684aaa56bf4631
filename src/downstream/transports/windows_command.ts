import type { CommandLine } from "../../processes/mod.ts";

/** The context in which a command is looked up. */
export interface WindowsContext {
  /** The environment of the process; its names are case-insensitive. */
  readonly env: Readonly<Record<string, string>>;
  /** The working folder of the process; default: the current one. */
  readonly cwd?: string;
  /** Whether a file exists. */
  readonly exists: (path: string) => boolean;
}

/** A command cannot be started with its arguments; the message goes to the agent. */
export class CommandLineError extends Error {
  override readonly name = "CommandLineError";
}

const EXECUTABLE_EXTENSIONS = [".com", ".exe", ".bat", ".cmd"];
const SCRIPT_FILE = /\.(?:bat|cmd)$/i;

/** Arguments without a special meaning for `cmd.exe` or for a script that parses its arguments. */
const NEEDS_NO_QUOTES = /^[\w\-.:/\\@+#$]*[\w\-.:/@+#$]$/;

/**
 * Determines how to start a command on Windows, where `npx` is a script, `npx.cmd`, that only `cmd.exe` can run.
 *
 * @param entry Name or path of the command, and its arguments, as in the server's entry.
 * @param context The environment, the folder, and the files.
 * @returns The command unchanged if no file is found; its start then fails.
 * @throws {CommandLineError} if an argument cannot be passed to a script.
 */
export function createWindowsCommand(
  { command, args }: { readonly command: string; readonly args: readonly string[] },
  context: WindowsContext,
): CommandLine {
  const file = findFile(command, context);
  if (file === undefined) return { file: command, args, raw: false };
  if (!SCRIPT_FILE.test(file)) return { file, args, raw: false };
  const line = [quote(file.replaceAll("/", "\\")), ...args.map(quoteArgument)].join(" ");
  return {
    file: variableOf("COMSPEC", context.env) ?? "cmd.exe",
    // /d skips start-up commands of the user, /e:on enables the extensions that the quoting needs, /v:off
    // removes the special meaning of `!`, and with /s only the outermost quotes are removed.
    args: ["/d", "/e:on", "/v:off", "/s", "/c", `"${line}"`],
    raw: true,
  };
}

/**
 * Finds the file of a command, never in the current folder, where `cmd.exe` looks first: an untrusted
 * repository may have its own `npx.cmd`.
 */
function findFile(command: string, { env, cwd, exists }: WindowsContext): string | undefined {
  const names = listFileNames(command, env);
  if (!/[\\/:]/.test(command)) {
    const folders = listFolders(variableOf("PATH", env) ?? "");
    return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(exists);
  }
  const isRelative = cwd !== undefined && !/^(?:[\\/]|[A-Za-z]:)/.test(command);
  return names.map((name) => isRelative ? join(cwd, name) : name).find(exists);
}

/** Returns the possible file names of a command. All have an extension: a file `npx` beside `npx.cmd` is for Unix. */
function listFileNames(command: string, env: Readonly<Record<string, string>>): string[] {
  const listedExtensions = (variableOf("PATHEXT", env) ?? "").split(";").map((text) => text.trim());
  const knownExtensions = listedExtensions.filter((extension) =>
    EXECUTABLE_EXTENSIONS.includes(extension.toLowerCase())
  );
  const extensions = knownExtensions.length > 0 ? knownExtensions : EXECUTABLE_EXTENSIONS;
  const extendedNames = extensions.map((extension) => command + extension);
  const hasExtension = EXECUTABLE_EXTENSIONS.some((extension) =>
    command.toLowerCase().endsWith(extension)
  );
  return hasExtension ? [command, ...extendedNames] : extendedNames;
}

/** Returns the absolute folders of a search path, whose entries may be quoted. */
function listFolders(path: string): string[] {
  const entries = path.match(/(?:"[^"]*"?|[^;"])+/g) ?? [];
  return entries.map((entry) => entry.replaceAll('"', "").trim())
    .filter((folder) => /^(?:[A-Za-z]:[\\/]|[\\/]{2})/.test(folder));
}

function join(folder: string, name: string): string {
  return /[\\/]$/.test(folder) ? folder + name : `${folder}\\${name}`;
}

function variableOf(name: string, env: Readonly<Record<string, string>>): string | undefined {
  const found = Object.entries(env).find(([key]) => key.toUpperCase() === name);
  return found?.[1] === "" ? undefined : found?.[1];
}

function quoteArgument(argument: string): string {
  return NEEDS_NO_QUOTES.test(argument) ? argument : quote(argument);
}

/**
 * Quotes an argument so that it stays a single argument however often `cmd.exe` parses it: once when the
 * script is started, and again where the script passes it on (with `%*`, as npm's scripts do).
 *
 * Between double quotes only `%` is special for `cmd.exe`, so no carets are needed; they would have to be
 * doubled for each parsing. A quote is doubled: `cmd.exe` closes and opens the quotes again, and the C
 * runtime reads the two as one. Backslashes are special for the C runtime only before a quote. Each `%`
 * is followed by `%cd:~,%`, which expands to nothing, so that the name of another variable cannot begin
 * there. The expansion of the script's `%*` is not expanded again.
 *
 * @see {@link https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments}
 */
function quote(text: string): string {
  if (/[\r\n\0]/.test(text)) {
    throw new CommandLineError("a line break or a NUL cannot be given to a script (.cmd, .bat)");
  }
  const doubled = text.replace(/(\\*)("|$)/g, (_, slashes: string, quoteMark: string) => {
    return slashes + slashes + quoteMark + quoteMark;
  });
  return `"${doubled.replaceAll("%", "%%cd:~,%")}"`;
}
