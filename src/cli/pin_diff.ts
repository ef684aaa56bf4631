import { canonicalJson } from "../canonical_json.ts";
import { formatPath, isRecord } from "../json.ts";
import { type DiffPart, diffWords, type PinDifference } from "../pins/mod.ts";
import { escapeControls, escapeLines } from "../text.ts";
import { ITEM_NOUNS, quoteName } from "./pinned_items.ts";
import { colorText } from "./table.ts";
import type { TerminalStyle } from "./terminal.ts";

/** Depth in a definition below which values are compared as texts. */
const MAX_DEPTH = 40;

/** Maximum length of unchanged text that is shown whole, in UTF-16 code units. */
const MAX_EQUAL_LENGTH = 200;

/** Length of each end of longer unchanged text that is shown, in UTF-16 code units. */
const CONTEXT_LENGTH = 80;

/** A value of a definition that has changed: a text word by word, other values as JSON. */
export interface ValueDifference {
  readonly path: string;
  readonly parts: readonly DiffPart[];
}

/** Finds the values that differ between a pin and a listed item; for a new item, all values. */
export function diffDefinitions({ pinned, listed }: PinDifference): ValueDifference[] {
  const differences: ValueDifference[] = [];
  if (listed === undefined) return differences;
  const compare = (
    one: unknown,
    other: unknown,
    path: readonly (string | number)[],
  ): void => {
    const isDeep = path.length >= MAX_DEPTH;
    if (!isDeep && isRecord(one) && isRecord(other)) {
      for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
        compare(memberOf(one, key), memberOf(other, key), [...path, key]);
      }
      return;
    }
    if (!isDeep && Array.isArray(one) && Array.isArray(other) && one.length === other.length) {
      for (const [index, element] of one.entries()) {
        compare(element, other[index], [...path, index]);
      }
      return;
    }
    const [oldText, newText] = [textOf(one), textOf(other)];
    if (oldText === newText && typeof one === typeof other) return;
    differences.push({ path: formatPath(path), parts: diffWords(oldText, newText) });
  };
  compare(pinned?.definition ?? {}, listed.definition, []);
  return differences;
}

function memberOf(value: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function textOf(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : canonicalJson(value);
}

/** Formats a difference as a line, followed by the values that differ if `isDetailed` is set. */
export function differenceText(
  difference: PinDifference,
  { isDetailed, style }: { readonly isDetailed: boolean; readonly style: TerminalStyle },
): string {
  const { kind, name, change } = difference;
  const head = `  ${change.padEnd(7)} ${ITEM_NOUNS[kind]} ${quoteName(name)}\n`;
  if (!isDetailed) return head;
  const values = diffDefinitions(difference).map(({ path, parts }) => {
    const text = parts.map((part, index) => partText(part, { index, count: parts.length, style }))
      .join("");
    const lines = text.split("\n").join("\n        ");
    return `      ${escapeControls(path)}: ${lines}\n`;
  });
  return head + values.join("");
}

/** Formats a part as `git diff --word-diff` does: `[-old-]` and `{+new+}`. */
function partText(
  { side, text }: DiffPart,
  { index, count, style }: {
    readonly index: number;
    readonly count: number;
    readonly style: TerminalStyle;
  },
): string {
  if (side === "old") return colorText(style, `[-${escapeLines(text)}-]`, "red");
  if (side === "new") return colorText(style, `{+${escapeLines(text)}+}`, "green");
  if (text.length <= MAX_EQUAL_LENGTH) return escapeLines(text);
  const start = index === 0 ? "" : text.slice(0, CONTEXT_LENGTH);
  const end = index === count - 1 ? "" : text.slice(-CONTEXT_LENGTH);
  return escapeLines(`${start} … ${end}`);
}
