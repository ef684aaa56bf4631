import { type AbsolutePath, parseAbsolutePath, pathKindOf } from "../absolute_path.ts";
import { hostOf, normalizeHostPattern } from "../host_name.ts";
import { foldCase } from "../text.ts";
import type { ArgumentTest } from "../tool_entry.ts";
import { compilePattern } from "../wildcards/mod.ts";
import {
  agree,
  compareNumbers,
  equalsJson,
  ExactNumber,
  takeWork,
  type Work,
} from "./call_arguments.ts";

/** Maximum length of a text that is compared with patterns, in UTF-16 code units. */
const MAX_TEXT_LENGTH = 256 * 1024;

/**
 * Units of work for each character of a text whose case is folded, a path, a path of Windows, and a host, and for a value
 * that is compared.
 */
const FOLDED_WORK = 6;
const POSIX_WORK = 2;
const WINDOWS_WORK = 6;
const HOST_WORK = 1;
const EQUALITY_WORK = 16;

/**
 * Returns whether a value passes a test; `undefined` if the test cannot judge the value, or too little work is left. The
 * value is not a list.
 */
export type Check = (value: unknown, work: Work) => boolean | undefined;

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
  if (Object.hasOwn(test, "equals")) add("equals", compileValues([equals]));
  if (oneOf !== undefined) add("oneOf", compileValues(oneOf));
  if (like !== undefined) add("like", compileTexts(like, { normalize: (text) => text }));
  if (ilike !== undefined) {
    add("ilike", compileTexts(ilike, { normalize: foldCase, work: FOLDED_WORK }));
  }
  if (within !== undefined) add("within", compileFolders(within));
  if (host !== undefined) add("host", compileHosts(host));
  if (min !== undefined) add("min", compileLimit(min, (order) => order >= 0));
  if (max !== undefined) add("max", compileLimit(max, (order) => order <= 0));
  if (maxLength !== undefined) {
    add("maxLength", (value, work) => {
      return typeof value === "string" ? isShort(value, { maxLength, work }) : undefined;
    });
  }
  return checks;
}

function compileLimit(limit: number, isWithin: (order: number) => boolean): Check {
  return (value, work) => {
    const length = value instanceof ExactNumber ? value.text.length : 0;
    if (!takeWork(work, length)) return undefined;
    const orders = compareNumbers(value, limit);
    return orders === undefined ? undefined : agree(orders.map(isWithin));
  };
}

function compileValues(ruleValues: readonly unknown[]): Check {
  return (value, work) => {
    if (!takeWork(work, EQUALITY_WORK * ruleValues.length)) return undefined;
    const results = ruleValues.map((ruleValue) => equalsJson(value, ruleValue));
    // A value that cannot be compared with one of the rule's values may be that value.
    return results.includes(true) || (results.includes(undefined) ? undefined : false);
  };
}

function compileTexts(
  patterns: readonly string[],
  { normalize, work: normalizingWork = 0 }: {
    readonly normalize: (text: string) => string;
    /** Units of work to normalize a character. */
    readonly work?: number;
  },
): Check {
  const matchers = patterns.map((pattern) => compilePattern(normalize(pattern)).matches);
  return (value, work) => {
    if (typeof value !== "string" || value.length > MAX_TEXT_LENGTH) return undefined;
    if (!takeWork(work, value.length * (matchers.length + normalizingWork))) return undefined;
    const text = normalize(value);
    return matchers.some((matches) => matches(text));
  };
}

/** Whether a text has at most `maxLength` code points. Counts them only if the length does not decide. */
function isShort(
  text: string,
  { maxLength, work }: { readonly maxLength: number; readonly work: Work },
): boolean | undefined {
  if (text.length <= maxLength) return true;
  if (text.length > 2 * maxLength) return false;
  if (!takeWork(work, text.length)) return undefined;
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
  return (value, work) => {
    if (typeof value !== "string") return undefined;
    if (!takeWork(work, value.length * (HOST_WORK + matchers.length))) return undefined;
    const host = readHost(value);
    return host === undefined ? undefined : matchers.some((matches) => matches(host));
  };
}

function compileFolders(folders: readonly string[]): Check {
  const checks = folders.map(compileFolder);
  const hasWindows = folders.some((folder) => pathKindOf(folder) === "windows");
  const unitsEach = hasWindows ? WINDOWS_WORK * folders.length : POSIX_WORK;
  return (value, work) => {
    if (typeof value !== "string") return undefined;
    if (!takeWork(work, value.length * unitsEach + folders.length)) return undefined;
    const results = checks.map((check) => check(value));
    // A path that one folder cannot judge may be in that folder.
    return results.includes(true) || (results.includes(undefined) ? undefined : false);
  };
}

function compileFolder(text: string): (path: string) => boolean | undefined {
  const kind = pathKindOf(text);
  const folder = kind && parseAbsolutePath(text, kind);
  if (folder === undefined) return () => undefined;
  const normalize = folder.kind === "windows" ? foldCase : (name: string) => name;
  const root = normalize(folder.root);
  const names = folder.names.map(normalize);
  return (value) => {
    const path = readPath[folder.kind](value);
    if (path === undefined) return undefined;
    if (normalize(path.root) !== root) return false;
    const differenceAt = path.names.findIndex((name, index) => normalize(name) !== names[index]);
    const isInside = path.names.length >= names.length &&
      (differenceAt < 0 || differenceAt >= names.length);
    if (isInside) return true;
    // A short name may be that of the folder.
    const mayBeInside = differenceAt >= 0 && isShortName(path, path.names[differenceAt] ?? "");
    return mayBeInside ? undefined : false;
  };
}

/** Whether a name may be the short form of another one in Windows, as in `PROGRA~1`. */
function isShortName({ kind }: AbsolutePath, name: string): boolean {
  return kind === "windows" && /~\d/.test(name);
}
