import { resolvePath } from "./file_path.ts";

/** A command in the text that a shell is given. */
export interface ShellCommand {
  readonly words: readonly string[];
  /** The folder that a preceding `cd` names; `.` if there is none. */
  readonly folder: string;
}

const SHELLS = /^(?:(?:ba|z|da|k|fi)?sh|pwsh|powershell|cmd)$/;

/**
 * Returns the commands that a shell runs, such as those of `sh -c "cd /x && npx y"` or `cmd /c npx
 * y`. Reads quotes and separators only: no variables, no substitutions.
 *
 * @param shell The shell, without folder and extension; for other programs there are no commands.
 * @param args Its arguments.
 */
export function shellCommands(shell: string, args: readonly string[]): ShellCommand[] {
  if (!SHELLS.test(shell)) return [];
  const flag = shell === "cmd" ? /^\/[ck]$/i : /^(?:-[a-z]*c|-command)$/i;
  const at = args.findIndex((arg) => flag.test(arg));
  const commandArgs = at < 0 ? [] : args.slice(at + 1);
  const [text = ""] = commandArgs;
  // `cmd /c` and PowerShell take the command as one text or as words.
  if (commandArgs.length > 1 && !shell.endsWith("sh")) return [{ words: commandArgs, folder: "." }];
  const commands: ShellCommand[] = [];
  let folder = ".";
  for (const part of text.split(/&&|\|\||[;|\n]/)) {
    const words = [...part.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)]
      .map(([word]) => word.replace(/["']/g, ""));
    while (/^(?:exec|&)$|^\w+=/.test(words[0] ?? "")) words.shift();
    if (words[0] === "cd") folder = resolvePath(folder, words.at(-1) ?? ".");
    else if (words.length > 0) commands.push({ words, folder });
  }
  return commands;
}
