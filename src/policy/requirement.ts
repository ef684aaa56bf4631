import { shortenText } from "../text.ts";
import type { ArgumentTest, ToolHint } from "../tool_entry.ts";

/** Maximum length of a value of the rules in a text, in UTF-16 code units. */
const MAX_VALUE_LENGTH = 100;

/** Maximum number of values of a list in a text. */
const MAX_LISTED = 5;

/** The tests of an argument. */
export interface ArgumentCondition {
  /** The key of the argument, or a JSON pointer. */
  readonly name: string;
  readonly test: ArgumentTest;
}

const HINTS: Readonly<Record<ToolHint, string>> = {
  read_only: "read-only",
  destructive: "destructive",
  open_world: "open to the world",
};

/** Describes what the annotations of a tool have to say for an entry to match, or not to match. */
export function describeHint(hint: ToolHint, { toMatch }: { readonly toMatch: boolean }): string {
  const verb = toMatch ? "must be" : "must not be";
  return `the tool ${verb} ${HINTS[hint]} by its annotations`;
}

/**
 * Describes what the value of an argument has to be for an entry to match, or not to match, such as
 * `path must be within /srv/notes`.
 */
export function describeArgument(
  { name, test }: ArgumentCondition,
  { toMatch }: { readonly toMatch: boolean },
): string {
  const { equals, oneOf, like, ilike, within, host, min, max, maxLength, exists } = test;
  const must = toMatch ? "must" : "must not";
  const parts: string[] = [];
  if (exists !== undefined) parts.push(exists === toMatch ? "must be given" : "must be left out");
  if (Object.hasOwn(test, "equals")) parts.push(`${must} be ${quote(equals)}`);
  if (oneOf !== undefined) {
    parts.push(`${must} be ${oneOf.length === 1 ? "" : "one of "}${list(oneOf.map(quote), ", ")}`);
  }
  if (like !== undefined) parts.push(`${must} match ${list(like.map(quote))}`);
  if (ilike !== undefined) parts.push(`${must} match ${list(ilike.map(quote))} in any case`);
  if (within !== undefined) parts.push(`${must} be within ${list(within.map(shorten))}`);
  if (host !== undefined) parts.push(`${must} be a URL with the host ${list(host.map(shorten))}`);
  if (min !== undefined) {
    parts.push(toMatch ? `must be at least ${min}` : `must be less than ${min}`);
  }
  if (max !== undefined) {
    parts.push(toMatch ? `must be at most ${max}` : `must be more than ${max}`);
  }
  if (maxLength !== undefined) {
    parts.push(`must have ${toMatch ? "at most" : "more than"} ${maxLength} characters`);
  }
  return `${shorten(name)} ${parts.join(toMatch ? " and " : " or ")}`;
}

function quote(value: unknown): string {
  return shorten(JSON.stringify(value));
}

function shorten(text: string): string {
  return shortenText(text, MAX_VALUE_LENGTH);
}

function list(texts: readonly string[], separator = " or "): string {
  const listedTexts = texts.slice(0, MAX_LISTED);
  return [...listedTexts, ...texts.length > listedTexts.length ? ["…"] : []].join(separator);
}
