/** Maximum length of a URI that is compared with templates, in UTF-16 code units. */
export const MAX_URI_LENGTH = 4096;

/** Maximum number of expressions of a template that is used; a real template has fewer than ten. */
const MAX_EXPRESSIONS = 16;

/** The values of an expression in a URI: a run of characters. */
interface ValueRun {
  /** The character before the values; `undefined` if there is none. An expression with one may be absent as a whole. */
  readonly prefix: string | undefined;
  /** Characters that the values never contain. */
  readonly excluded: string;
}

/**
 * The runs by the operator of their expression. They contain what RFC 6570 writes, and what servers accept besides.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6570#section-3.2}
 */
const RUNS: Readonly<Record<string, ValueRun>> = {
  "": { prefix: undefined, excluded: "/" },
  "+": { prefix: undefined, excluded: "" },
  "#": { prefix: "#", excluded: "" },
  ".": { prefix: ".", excluded: "/" },
  "/": { prefix: "/", excluded: "" },
  ";": { prefix: ";", excluded: "/" },
  "?": { prefix: "?", excluded: "#" },
  "&": { prefix: "&", excluded: "#" },
};

/** The run of a name with `*`, such as `{path*}`, which may have several segments. */
const EXPLODED_RUN: ValueRun = { prefix: undefined, excluded: "" };

/**
 * Whether a URI may be an expansion of a template, to find the server that the template belongs to. Takes time linear
 * in the length of the URI for each expression, whatever the template is: servers choose their templates.
 *
 * @param template A template as in RFC 6570. One that is not valid has no expansions.
 */
export function matchesTemplate(template: string, uri: string): boolean {
  if (uri.length > MAX_URI_LENGTH) return false;
  // Most templates differ from the URI before their first expression.
  const prefixEnd = template.indexOf("{");
  if (prefixEnd < 0) return template === uri;
  if (!uri.startsWith(template.slice(0, prefixEnd))) return false;
  const parts = parseTemplate(template);
  if (parts === undefined || !hasLiterals(parts, uri)) return false;
  // The positions in the URI at which the parts so far may end. Several are kept, because no first choice is the
  // right one for every template, and trying one after another could take exponential time.
  let ends: Positions = new Uint8Array(uri.length + 1);
  ends[0] = 1;
  for (const part of parts) {
    ends = typeof part === "string" ? afterLiteral(part, uri, ends) : afterRun(part, uri, ends);
  }
  return ends[uri.length] === 1;
}

/** For each position of a URI, 1 if it is included. */
type Positions = Uint8Array;

/** Splits a template into its literals and the runs of its expressions; `undefined` if it is not valid. */
function parseTemplate(template: string): readonly (string | ValueRun)[] | undefined {
  const parts: (string | ValueRun)[] = [];
  let expressionCount = 0;
  let at = 0;
  while (at < template.length) {
    const start = template.indexOf("{", at);
    const literal = template.slice(at, start < 0 ? undefined : start);
    if (literal.includes("}")) return undefined;
    if (literal !== "") parts.push(literal);
    if (start < 0) break;
    const end = template.indexOf("}", start);
    const run = end < 0 ? undefined : runOf(template.slice(start + 1, end));
    if (run === undefined || ++expressionCount > MAX_EXPRESSIONS) return undefined;
    parts.push(run);
    at = end + 1;
  }
  return parts;
}

/** Returns the run of an expression without its braces; `undefined` if it is not valid. */
function runOf(expression: string): ValueRun | undefined {
  const [operator = ""] = /^[+#./;?&]/.exec(expression) ?? [];
  const names = expression.slice(operator.length);
  if (names === "" || names.includes("{")) return undefined;
  return operator === "" && names.endsWith("*") ? EXPLODED_RUN : RUNS[operator];
}

/** Whether a URI has all literals in their order, and ends as the template does. This is fast, and rules out most. */
function hasLiterals(parts: readonly (string | ValueRun)[], uri: string): boolean {
  const lastPart = parts.at(-1);
  if (typeof lastPart === "string" && !uri.endsWith(lastPart)) return false;
  let at = 0;
  for (const part of parts) {
    if (typeof part !== "string") continue;
    const start = uri.indexOf(part, at);
    if (start < 0) return false;
    at = start + part.length;
  }
  return true;
}

function afterLiteral(literal: string, uri: string, starts: Positions): Positions {
  const ends = new Uint8Array(starts.length);
  for (let at = uri.indexOf(literal); at >= 0; at = uri.indexOf(literal, at + 1)) {
    if (starts[at] === 1) ends[at + literal.length] = 1;
  }
  return ends;
}

function afterRun({ prefix, excluded }: ValueRun, uri: string, starts: Positions): Positions {
  const isOptional = prefix !== undefined;
  const prefixCode = prefix?.charCodeAt(0);
  // NaN, which no code equals, if nothing is excluded.
  const excludedCode = excluded.charCodeAt(0);
  const ends = isOptional ? starts.slice() : new Uint8Array(starts.length);
  let isInside = false;
  for (let at = 0; at < uri.length; at++) {
    const code = uri.charCodeAt(at);
    const isStart = starts[at] === 1 && (!isOptional || code === prefixCode);
    const mayContinue = code !== excludedCode;
    isInside = isStart ? isOptional || mayContinue : isInside && mayContinue;
    if (isInside) ends[at + 1] = 1;
  }
  return ends;
}
