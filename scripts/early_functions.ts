/**
 * Has the functions of a start compiled together with the file.
 *
 * V8 compiles a function when it is called first, and Deno keeps what is compiled in its cache as
 * soon as a file is loaded: of functions that are called later nothing is kept, and every start
 * compiles them anew. But those that stand in parentheses are compiled with the file, because they
 * look as if they were called at once. Of 37 ms until the handshake this takes 5.5.
 *
 * @module
 */

/** A function of a program. */
export interface ProgramFunction {
  /** Where it begins and ends, as offsets into the text. */
  readonly start: number;
  readonly end: number;
  /** Whether it was called. */
  readonly isCalled: boolean;
}

/**
 * Puts functions that are called into parentheses. A declaration at the top becomes a variable at
 * the very beginning, because a declaration has no parentheses; methods stay as they are.
 *
 * @param text A minified program.
 * @param functions All of its functions.
 * @returns The program, which does the same.
 */
export function compileEarly(text: string, functions: readonly ProgramFunction[]): string {
  const called = functions.filter(({ isCalled }) => isCalled);
  const expressions = called.filter((one) => isExpression(text, one));
  const declarations = findDeclarations(text, functions).filter(({ isCalled }) => isCalled);
  const marks = [
    // Where one ends and another begins, the end comes first.
    ...expressions.map(({ end }) => ({ at: end, mark: ")" })),
    ...expressions.map(({ start }) => ({ at: start, mark: "(" })),
  ].sort((one, other) => one.at - other.at);
  let next = 0;
  const copy = (from: number, to: number): string => {
    let copied = "";
    for (; marks[next] !== undefined && (marks[next]?.at ?? 0) <= to; next++) {
      const { at, mark } = marks[next] ?? { at: to, mark: "" };
      copied += text.slice(from, at) + mark;
      from = at;
    }
    return copied + text.slice(from, to);
  };
  let first = "";
  let rest = "";
  let at = 0;
  for (const { start, end } of declarations) {
    rest += copy(at, start);
    const [, name] = /^(?:async )?function\*?\s*([\w$]+)/.exec(text.slice(start, end)) ?? [];
    first += `var ${name}=(${copy(start, end)});\n`;
    at = end;
  }
  return first + rest + copy(at, text.length);
}

/** Whether a function is a value, which may stand in parentheses; in doubt it is not. */
function isExpression(text: string, { start, end }: ProgramFunction): boolean {
  // What the program begins with is a declaration.
  const before = start === 0 ? ";" : text.charAt(start - 1);
  const head = text.slice(start, Math.min(end, start + 500));
  if (/^(?:async )?function\b/.test(head)) {
    const isNamed = /^(?:async )?function\*?\s*[\w$]/.test(head);
    return (isNamed ? "=(,[" : "=(,[:?&|!>").includes(before);
  }
  const isArrow = /^(?:async ?)?(?:\([^()]*\)|[\w$]+)=>/.test(head) || head.startsWith("(");
  return isArrow && "=(,[:?>".includes(before);
}

/** The functions that are declared at the top, and not within another one. */
function findDeclarations(
  text: string,
  functions: readonly ProgramFunction[],
): ProgramFunction[] {
  const found: ProgramFunction[] = [];
  const sorted = functions.toSorted((one, other) => one.start - other.start || other.end - one.end);
  let last = 0;
  for (const one of sorted) {
    if (one.start < last) continue;
    last = one.end;
    const isDeclared = /^(?:async )?function\*?\s*[\w$]/.test(
      text.slice(one.start, one.start + 20),
    );
    if (isDeclared && ";}\n".includes(text.charAt(one.start - 1))) found.push(one);
  }
  return found;
}
