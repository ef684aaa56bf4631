import { type ConfigProblem, formatProblem } from "../errors.ts";
import { styleOf } from "./terminal.ts";
import { wrapText } from "./wrap.ts";

/** Maximum number of problems of one kind that are printed one by one. */
const MAX_ALONE = 5;

/** Maximum number of names in a folded line, besides that of the first problem. */
const MAX_NAMES = 3;

/** A quoted name in a message. */
const QUOTED = /"(?:[^"\\]|\\.)*"/g;

/**
 * Writes problems as lines. Many of one kind, as when a rules file belongs to another servers file,
 * become one line: the first problem, with their number and some of their names.
 */
export function foldProblems(problems: readonly ConfigProblem[]): string[] {
  const kindOf = ({ file, message }: ConfigProblem): string => {
    // A proposed name is advice of its own.
    const [text = "", hint] = message.split("; did you mean ");
    return JSON.stringify([file, text.replace(QUOTED, '""'), hint]);
  };
  const kinds = Map.groupBy(problems, kindOf);
  return problems.flatMap((problem) => {
    const alike = kinds.get(kindOf(problem)) ?? [];
    if (alike.length <= MAX_ALONE) return [formatProblem(problem)];
    if (alike[0] !== problem) return [];
    const names = namesOf(alike).slice(1);
    const listed = names.slice(0, MAX_NAMES).join(", ") + (names.length > MAX_NAMES ? ", …" : "");
    return `${formatProblem(problem)} (and ${alike.length - 1} more like this: ${listed}; ` +
      "agent-mcp-gateway validate --json lists them all)";
  });
}

/** The indent of the further lines of a log entry, in columns. */
const LOG_INDENT = 2;

/** The problems for an entry of the log, broken at words at a terminal. */
export function problemsText(problems: readonly ConfigProblem[]): string {
  const columns = styleOf(Deno.stderr).columns - LOG_INDENT;
  return foldProblems(problems).map((line) => wrapText(line, columns)).join("\n");
}

/** The names by which problems of one kind differ: quoted in the message, else the paths. */
function namesOf(alike: readonly ConfigProblem[]): string[] {
  const quoted = alike.map(({ message }) => message.match(QUOTED) ?? []);
  const columns = (quoted[0] ?? []).map((_, at) => {
    return [...new Set(quoted.map((names) => names[at] ?? ""))];
  });
  const longest = columns.reduce((one, other) => other.length > one.length ? other : one, []);
  return longest.length > 1 ? longest : alike.map(({ path }) => path);
}
