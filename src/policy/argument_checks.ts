import { type AbsolutePath, parseAbsolutePath, pathKindOf } from "../absolute_path.ts";
import { hostOf, normalizeHostPattern } from "../host_name.ts";
import { foldCase } from "../text.ts";
import type { ArgumentTest } from "../tool_entry.ts";
import { compilePattern } from "../wildcards/mod.ts";
import { compareNumbers, equalsJson } from "./call_arguments.ts";

/** Maximum length of a text that is compared with patterns, in UTF-16 code units. */
const MAX_TEXT_LENGTH = 256 * 1024;

/** Judges a value that is no list: whether a test holds; `undefined` if the test cannot judge the value. */
export type Check = (value: unknown) => boolean | undefined;

/** A check of one value, and the key of its test. */
export interface NamedCheck {
  readonly key: Exclude<keyof ArgumentTest, "exists">;
  readonly check: Check;
}

/** Compiles the tests of an argument, except for `exists`. */
export function compileChecks(test: ArgumentTest): NamedCheck[] {
  const { equals, oneOf, like, ilike, within, host, min, max, maxLength } = test;
  const checks: NamedCheck[] = [];
  const add = (key: NamedCheck["key"], check: Check): void => void checks.push({ key, check });
  if (Object.hasOwn(test, "equals")) add("equals", (value) => equalsJson(value, equals));
  if (oneOf !== undefined) add("oneOf", (value) => oneOf.some((item) => equalsJson(value, item)));
  if (like !== undefined) add("like", compileTexts(like, (text) => text));
  if (ilike !== undefined) add("ilike", compileTexts(ilike, foldCase));
  if (within !== undefined) add("within", compileFolders(within));
  if (host !== undefined) add("host", compileHosts(host));
  if (min !== undefined) {
    add(
      "min",
      compileNumber((value) => compareNumbers(value, min), (n) => n >= 0),
    );
  }
  if (max !== undefined) {
    add(
      "max",
      compileNumber((value) => compareNumbers(value, max), (n) => n <= 0),
    );
  }
  if (maxLength !== undefined) {
    add("maxLength", (value) => typeof value === "string" ? isShort(value, maxLength) : undefined);
  }
  return checks;
}

function compileNumber(
  compare: (value: unknown) => number | undefined,
  isFitting: (order: number) => boolean,
): Check {
  return (value) => {
    const order = compare(value);
    return order === undefined ? undefined : isFitting(order);
  };
}

function compileTexts(patterns: readonly string[], normalize: (text: string) => string): Check {
  const matchers = patterns.map((pattern) => compilePattern(normalize(pattern)).matches);
  return (value) => {
    if (typeof value !== "string" || value.length > MAX_TEXT_LENGTH) return undefined;
    const text = normalize(value);
    return matchers.some((matches) => matches(text));
  };
}

/** Whether a text has at most so many code points; counts only texts whose length leaves it open. */
function isShort(text: string, maxLength: number): boolean {
  if (text.length <= maxLength) return true;
  if (text.length > 2 * maxLength) return false;
  let length = 0;
  for (const _ of text) length++;
  return length <= maxLength;
}

/** Remembers the last result of a function: the entries of a list judge the same value, one after the other. */
function rememberLast<T>(compute: (text: string) => T): (text: string) => T {
  let last: { readonly text: string; readonly result: T } | undefined;
  return (text) => {
    if (last?.text !== text) last = { text, result: compute(text) };
    return last.result;
  };
}

const readHost = rememberLast(hostOf);
const readPath = {
  posix: rememberLast((path) => parseAbsolutePath(path, "posix")),
  windows: rememberLast((path) => parseAbsolutePath(path, "windows")),
};

function compileHosts(patterns: readonly string[]): Check {
  const matchers = patterns.flatMap((pattern) => {
    const normalized = normalizeHostPattern(pattern);
    return normalized === undefined ? [] : [compilePattern(normalized).matches];
  });
  return (value) => {
    const host = typeof value === "string" ? readHost(value) : undefined;
    return host === undefined ? undefined : matchers.some((matches) => matches(host));
  };
}

function compileFolders(folders: readonly string[]): Check {
  const checks = folders.map(compileFolder);
  return (value) => {
    const results = checks.map((check) => check(value));
    // A path that one folder cannot judge may be in that folder.
    return results.includes(true) || (results.includes(undefined) ? undefined : false);
  };
}

function compileFolder(text: string): Check {
  const kind = pathKindOf(text);
  const folder = kind && parseAbsolutePath(text, kind);
  if (folder === undefined) return () => undefined;
  const normalize = folder.kind === "windows" ? foldCase : (name: string) => name;
  const root = normalize(folder.root);
  const names = folder.names.map(normalize);
  return (value) => {
    const path = typeof value === "string" ? readPath[folder.kind](value) : undefined;
    if (path === undefined) return undefined;
    if (normalize(path.root) !== root) return false;
    const first = path.names.findIndex((name, index) => normalize(name) !== names[index]);
    const isInside = path.names.length >= names.length && (first < 0 || first >= names.length);
    return isInside || !(first >= 0 && isShortName(path, path.names[first] ?? ""))
      ? isInside
      : undefined;
  };
}

/** Whether a name may be the short form of another one in Windows, as in `PROGRA~1`. */
function isShortName({ kind }: AbsolutePath, name: string): boolean {
  return kind === "windows" && /~\d/.test(name);
}
