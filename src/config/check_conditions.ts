import { parseAbsolutePath, pathKindOf } from "../absolute_path.ts";
import { parseArgumentPointer } from "../argument_pointer.ts";
import type { ConfigProblem } from "../errors.ts";
import { normalizeHostPattern } from "../host_name.ts";
import type { Document, Path } from "./document.ts";
import { entriesOf, isObject, type JsonObject, type JsonValue, objectAt } from "./json_value.ts";
import { EFFECTS } from "./rules.ts";

/** Number of digits up to which JavaScript keeps a number exactly as it is written. */
const MAX_DIGITS = 15;

type Report = (path: Path, message: string, at?: "key") => void;

/**
 * Checks the conditions in the lists of tools, as far as a schema cannot express it: folders, hosts, names of arguments,
 * and tests without effect.
 */
export function checkConditions(document: Document): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const report: Report = (path, message, at) =>
    void problems.push(document.createProblem(path, message, at));
  for (const [id, agent] of entriesOf(objectAt(document.value, "agents"))) {
    for (const effect of EFFECTS) {
      for (const [server, entries] of entriesOf(objectAt(agent, effect, "tools"))) {
        for (const [index, entry] of (Array.isArray(entries) ? entries : []).entries()) {
          const when = isObject(entry) ? entry["when"] : undefined;
          const path = ["agents", id, effect, "tools", server, index, "when"];
          if (isObject(when)) checkWhen(when, path, report);
        }
      }
    }
  }
  return problems;
}

function checkWhen(when: JsonObject, path: Path, report: Report): void {
  const tests = entriesOf(when);
  if (tests.length === 0) {
    report(path, 'expected a test, such as {"path": {"within": "/srv/notes"}}, or no `when`');
  }
  for (const [name, test] of tests) {
    if (parseArgumentPointer(name) === undefined) {
      const message = name === ""
        ? "expected the key of an argument, or a JSON pointer such as /filter/path"
        : "expected a JSON pointer, in which ~0 stands for ~, and ~1 for /";
      report([...path, name], message, "key");
    }
    if (isObject(test)) checkTest(test, [...path, name], report);
  }
}

function checkTest(test: JsonObject, path: Path, report: Report): void {
  const keys = Object.keys(test);
  if (keys.length === 0) {
    report(
      path,
      "expected one or more of equals, one_of, like, ilike, within, host, min, max, max_length, exists",
    );
  }
  for (const key of keys) {
    const value = test[key];
    if (Array.isArray(value) && value.length === 0 && key !== "equals") {
      report([...path, key], "expected at least one value");
    }
  }
  checkTexts(test, path, { key: "within", describe: describeFolder, report });
  checkTexts(test, path, { key: "host", describe: describeHost, report });
  for (const key of ["equals", "one_of", "min", "max"]) {
    if (test[key] !== undefined) checkNumbers(test[key], [...path, key], report);
  }
  const { min, max } = test;
  if (typeof min === "number" && typeof max === "number" && min > max) {
    report([...path, "min"], `expected at most ${max}, which is \`max\`: no number passes`);
  }
}

function checkTexts(
  test: JsonObject,
  path: Path,
  { key, describe, report }: {
    readonly key: string;
    readonly describe: (text: string) => string | undefined;
    readonly report: Report;
  },
): void {
  const value = test[key];
  const texts: readonly (readonly [Path, JsonValue])[] = Array.isArray(value)
    ? value.map((item, index) => [[...path, key, index], item] as const)
    : [[[...path, key], value ?? null]];
  for (const [textPath, text] of texts) {
    const message = typeof text === "string" ? describe(text) : undefined;
    if (message !== undefined) report(textPath, message);
  }
}

function describeFolder(folder: string): string | undefined {
  const expected = "expected an absolute folder, such as /srv/notes or C:\\notes";
  const kind = pathKindOf(folder);
  if (/^(?:~|\$\{)/.test(folder)) {
    return `${expected}: write the whole path, because \`~\` and variables are not replaced here`;
  }
  if (kind === undefined) return expected;
  if (folder.split(kind === "windows" ? /[\\/]/ : "/").includes("..")) {
    return `${expected}, without ..`;
  }
  return parseAbsolutePath(folder, kind) === undefined ? expected : undefined;
}

function describeHost(pattern: string): string | undefined {
  if (normalizeHostPattern(pattern) !== undefined) return undefined;
  const expected = "expected a host, such as example.com or *.example.com";
  if (/[*?]/.test(pattern) && /[^\0-\x7f]/.test(pattern) && !/[/\\@:#\s%]/.test(pattern)) {
    return `${expected}: write a label that has both wildcards and other letters than a to z as punycode`;
  }
  return `${expected}, without scheme, port and path`;
}

/** Reports numbers that a JavaScript number may not hold as they are written. */
function checkNumbers(value: JsonValue, path: Path, report: Report): void {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) checkNumbers(item, [...path, index], report);
  } else if (isObject(value)) {
    for (const [key, member] of entriesOf(value)) checkNumbers(member, [...path, key], report);
  } else if (typeof value === "number" && !isExact(value)) {
    const message = `expected a number with at most ${MAX_DIGITS} digits, or a whole one up to ` +
      `${Number.MAX_SAFE_INTEGER}, so that it can be compared exactly`;
    report(path, message);
  }
}

function isExact(value: number): boolean {
  // JSON may contain a number such as 1e400, which becomes infinite.
  if (Number.isInteger(value) || !Number.isFinite(value)) return Number.isSafeInteger(value);
  const digits = String(value).replace(/e.*$/, "").replaceAll(/\D/g, "").replace(/^0+/, "");
  return digits.length <= MAX_DIGITS;
}
