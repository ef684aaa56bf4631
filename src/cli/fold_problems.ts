import { type ConfigProblem, formatProblem } from "../errors.ts";
import { styleOf } from "./terminal.ts";
import { wrapText } from "./wrap.ts";

/** Maximum number of problems of one kind that are printed one by one. */
const MAX_UNFOLDED = 5;

/** Maximum number of names in a folded line, besides that of the first problem. */
const MAX_NAMES = 3;

/** A quoted name in a message. */
const QUOTED = /"(?:[^"\\]|\\.)*"/g;

/**
 * Formats problems as lines. More than five problems of one kind, for example because the rules file
 * belongs to another servers file, become one line: the first problem, the number of the others, and some
 * of their names.
 */
export function foldProblems(problems: readonly ConfigProblem[]): string[] {
  const kindOf = ({ file, message }: ConfigProblem): string => {
    // A problem with a suggested name is folded only with others that suggest the same name.
    const [text = "", hint] = message.split("; did you mean ");
    return JSON.stringify([file, text.replace(QUOTED, '""'), hint]);
  };
  const kinds = Map.groupBy(problems, kindOf);
  return problems.flatMap((problem) => {
    const sameKind = kinds.get(kindOf(problem)) ?? [];
    if (sameKind.length <= MAX_UNFOLDED) return [formatProblem(problem)];
    if (sameKind[0] !== problem) return [];
    const names = namesOf(sameKind).slice(1);
    const listedNames = names.slice(0, MAX_NAMES).join(", ") +
      (names.length > MAX_NAMES ? ", …" : "");
    return `${formatProblem(problem)} (and ${
      sameKind.length - 1
    } more like this: ${listedNames}; ` +
      "agent-mcp-gateway validate --json lists them all)";
  });
}

/** The indent of the continued lines of a log entry, in columns. */
const LOG_INDENT = 2;

/** Formats problems for an entry of the log; at a terminal, lines are broken at words. */
export function problemsText(problems: readonly ConfigProblem[]): string {
  const columns = styleOf(Deno.stderr).columns - LOG_INDENT;
  return foldProblems(problems).map((line) => wrapText(line, columns)).join("\n");
}

/** Returns the names that distinguish problems of one kind: those quoted in the messages, or else the paths. */
function namesOf(sameKind: readonly ConfigProblem[]): string[] {
  const quotedNames = sameKind.map(({ message }) => message.match(QUOTED) ?? []);
  const columns = (quotedNames[0] ?? []).map((_, at) => {
    return [...new Set(quotedNames.map((names) => names[at] ?? ""))];
  });
  const longest = columns.reduce((one, other) => other.length > one.length ? other : one, []);
  return longest.length > 1 ? longest : sameKind.map(({ path }) => path);
}
