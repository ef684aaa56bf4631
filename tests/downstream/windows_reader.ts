/**
 * Reads a command line as Windows splits it, to check what was quoted. The rules are from
 * documentation and other people's measurements; this code has never run on Windows.
 */

/** Variables of `cmd.exe`, with case-insensitive names. */
export type Variables = Readonly<Record<string, string>>;

/** Unquoted text made `cmd.exe` do more than start one program. */
export class Escaped extends Error {}

/**
 * Reads `cmd.exe /d /e:on /v:off /s /c "LINE"` and the line of the script that it runs.
 *
 * @param args The raw arguments of `cmd.exe`.
 * @param variables Its environment.
 * @param scripts Number of scripts that pass their arguments on by `%*`, each to the next.
 * @returns The path of the first script, and the arguments that the last one's program gets.
 */
export function readCommand(
  args: readonly string[],
  variables: Variables,
  scripts = 1,
): { script: string; args: string[] } {
  const line = /^\/d \/e:on \/v:off \/s \/c "(.*)"$/s.exec(args.join(" "))?.[1];
  if (line === undefined) throw new Error(`Not how cmd.exe is started: ${args.join(" ")}`);
  let read = readLine(expandPercents(line, variables));
  const [, script = "", passedOn = ""] = /^"([^"]*)"(.*)$/s.exec(read) ?? [];
  read = passedOn;
  for (let count = 0; count < scripts; count++) {
    // A script's line is expanded once: `%` in the value of `%*` is not expanded again.
    read = readLine(`"node.exe" "cli.js"${read}`).slice('"node.exe" "cli.js"'.length);
  }
  return { script, args: readArguments(read) };
}

/** Phase 1 of `cmd.exe`, as on a command line: expands `%NAME%` and `%NAME:~from,count%`. */
function expandPercents(line: string, variables: Variables): string {
  let result = "";
  for (let at = 0; at < line.length;) {
    const rest = line.slice(at);
    const [whole = "", name = "", range] = /^%([^%:]*)(?::([^%]*))?%/.exec(rest) ?? [];
    const value = whole === "" ? undefined : valueOf(name, variables);
    if (value === undefined) {
      result += line[at++];
    } else {
      result += range === undefined ? value : substring(value, range);
      at += whole.length;
    }
  }
  return result;
}

function valueOf(name: string, variables: Variables): string | undefined {
  const upper = name.toUpperCase();
  if (upper === "CD") return "C:\\current folder";
  return Object.entries(variables).find(([key]) => key.toUpperCase() === upper)?.[1];
}

/** `~from,count` of a value; a number left out is 0. Replacement (`old=new`) changes everything. */
function substring(value: string, range: string): string {
  const [, from, count] = /^~(-?\d*)(?:,(-?\d*))?$/.exec(range) ?? [];
  if (from === undefined) return "expanded";
  return value.slice(Number(from)).slice(0, count === undefined ? undefined : Number(count));
}

/** Phase 2 of `cmd.exe`: interprets quotes, carets, and characters that begin another command. */
function readLine(line: string): string {
  let result = "";
  let isQuoted = false;
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    if (/[\r\n\0]/.test(character)) throw new Escaped("The line ends early");
    if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && character === "^") {
      result += line.charAt(++at);
      continue;
    } else if (!isQuoted && "&|<>()".includes(character)) {
      throw new Escaped(`${character} is not quoted: ${line}`);
    }
    result += character;
  }
  return result;
}

/** Splits arguments as the C runtime does since 2008. */
export function readArguments(line: string): string[] {
  const args: string[] = [];
  let argument: string | undefined;
  let isQuoted = false;
  for (let at = 0; at < line.length; at++) {
    const [slashes = ""] = /^\\*/.exec(line.slice(at)) ?? [];
    const next = line.charAt(at + slashes.length);
    if (slashes !== "" && next === '"') {
      argument = (argument ?? "") + "\\".repeat(slashes.length / 2);
      at += slashes.length;
      if (slashes.length % 2 === 1) {
        argument += '"';
        continue;
      }
    }
    const character = line.charAt(at);
    if (character === '"') {
      argument ??= "";
      if (isQuoted && line.charAt(at + 1) === '"') {
        argument += '"';
        at++;
      } else isQuoted = !isQuoted;
    } else if (!isQuoted && (character === " " || character === "\t")) {
      if (argument !== undefined) args.push(argument);
      argument = undefined;
    } else argument = (argument ?? "") + character;
  }
  return argument === undefined ? args : [...args, argument];
}
