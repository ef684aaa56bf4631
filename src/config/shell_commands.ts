/** A command in the text that a shell is given. */
export interface ShellCommand {
  readonly words: readonly string[];
  /** The arguments of the preceding `cd` commands; each is relative to the folder before it. */
  readonly folders: readonly string[];
}

const POSIX_SHELLS = /^(?:ba|z|da|k|fi)?sh$/;
const WINDOWS_SHELLS = /^(?:pwsh|powershell|cmd)$/;

/** Matches a command up to a separator outside quotes; the `&` of a redirection such as `2>&1` is not one. */
const COMMAND = /(?:"[^"]*"|'[^']*'|[<>]&|&>|[^;&|\n])+/g;

/**
 * Returns the commands that a shell runs, such as those of `sh -c "cd /x && npx y"` or `cmd /c npx
 * y`. Reads quotes and separators only: no variables, no substitutions.
 *
 * @param shell The shell, without folder and extension; for other programs there are no commands.
 * @param args Its arguments.
 */
export function shellCommands(shell: string, args: readonly string[]): ShellCommand[] {
  const isWindowsShell = WINDOWS_SHELLS.test(shell);
  if (!isWindowsShell && !POSIX_SHELLS.test(shell)) return [];
  const flag = shell === "cmd" ? /^\/[ck]$/i : /^(?:-[a-z]*c|-command)$/i;
  const at = args.findIndex((arg) => flag.test(arg));
  const commandArgs = at < 0 ? [] : args.slice(at + 1);
  // `cmd /c` and PowerShell take the command as one text or as words.
  const [text = ""] = isWindowsShell && commandArgs.length > 1
    ? [commandArgs.map((word) => /\s/.test(word) ? `"${word}"` : word).join(" ")]
    : commandArgs;
  const commands: ShellCommand[] = [];
  let folders: readonly string[] = [];
  for (const [part] of text.matchAll(COMMAND)) {
    const words = [...part.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)]
      .map(([word]) => word.replace(/["']/g, ""));
    while (/^exec$|^\w+=/.test(words[0] ?? "")) words.shift();
    if (words[0] === "cd") folders = [...folders, words.slice(1).at(-1) ?? "."];
    else if (words.length > 0) commands.push({ words, folders });
  }
  return commands;
}
