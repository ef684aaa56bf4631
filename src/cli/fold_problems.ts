import { type ConfigProblem, formatProblem } from "../errors.ts";
import { styleOf } from "./terminal.ts";
import { wrapText } from "./wrap.ts";

/** As many problems of one kind are printed one by one. */
const MOST_ALONE = 5;

/** How many names a folded line has besides the first problem's. */
const MOST_NAMES = 3;

/** A quoted name in a message. */
const QUOTED = /"(?:[^"\\]|\\.)*"/g;

/**
 * Writes problems as lines: where many are of one kind, as when a rules file belongs to another
 * servers file, the first of them stands for all, with their number and some of their names.
 */
export function foldProblems(problems: readonly ConfigProblem[]): string[] {
  const kindOf = ({ file, message }: ConfigProblem): string => {
    // What a name may have meant is advice of its own.
    const [text = "", hint] = message.split("; did you mean ");
    return JSON.stringify([file, text.replace(QUOTED, '""'), hint]);
  };
  const kinds = Map.groupBy(problems, kindOf);
  return problems.flatMap((problem) => {
    const alike = kinds.get(kindOf(problem)) ?? [];
    if (alike.length <= MOST_ALONE) return [formatProblem(problem)];
    if (alike[0] !== problem) return [];
    const names = namesOf(alike).slice(1);
    const listed = names.slice(0, MOST_NAMES).join(", ") + (names.length > MOST_NAMES ? ", …" : "");
    return `${formatProblem(problem)} (and ${alike.length - 1} more like this: ${listed}; ` +
      "agent-mcp-gateway validate --json lists them all)";
  });
}

/** The indent of the further lines of a log entry, in columns. */
const LOG_INDENT = 2;

/** The problems for an entry of the log, broken at words where a terminal shows it. */
export function problemsText(problems: readonly ConfigProblem[]): string {
  const columns = styleOf(Deno.stderr).columns - LOG_INDENT;
  return foldProblems(problems).map((line) => wrapText(line, columns)).join("\n");
}

/** What tells problems of one kind apart: the quoted name that differs most, else the paths. */
function namesOf(alike: readonly ConfigProblem[]): string[] {
  const quoted = alike.map(({ message }) => message.match(QUOTED) ?? []);
  const columns = (quoted[0] ?? []).map((_, at) => {
    return [...new Set(quoted.map((names) => names[at] ?? ""))];
  });
  const longest = columns.reduce((one, other) => other.length > one.length ? other : one, []);
  return longest.length > 1 ? longest : alike.map(({ path }) => path);
}
