import type { ConditionChange } from "./condition.ts";
import { compilePattern, type Pattern } from "../wildcards/mod.ts";

/** The kind of entries that a step of a decision searches: without wildcards, with wildcards, or any. */
export type EntryKind = "explicit" | "wildcard" | "any";

/** An entry whose name matches, but whose condition fails, or depends on facts that are not known. */
export interface SkippedEntry {
  readonly index: number;
  readonly state: "fails" | "depends";
  readonly condition: JudgedCondition;
}

/** A condition that was judged. */
export interface JudgedCondition {
  /** Returns whether other arguments can make the entry match, or not match. */
  readonly isCorrectable: (change: ConditionChange) => boolean;
  /** Returns the change that would do so; takes longer than to judge. */
  readonly requirement: (change: ConditionChange) => string;
}

/** The result of a search in a list with conditions. */
export interface SearchResult {
  /** The index of the first entry that matches; absent if none does. */
  readonly index?: number;
  /** The condition of that entry; absent if it has none. */
  readonly condition?: JudgedCondition;
  /** The entries before it whose names match. */
  readonly skipped: readonly SkippedEntry[];
}

/** Returns the first entry of a kind that matches the name: its index alone if the list has no conditions. */
export type FindEntry<Name> = (kind: EntryKind, name: Name) => number | SearchResult | undefined;

/** Compiles a list of names and patterns. */
export function compileEntries(
  entries: readonly string[],
): (kind: EntryKind, name: string) => number | undefined {
  const explicitIndexes = new Map<string, number>();
  const wildcards: { index: number; matches: Pattern["matches"] }[] = [];
  for (const [index, entry] of entries.entries()) {
    const pattern = compilePattern(entry);
    if (!pattern.isExplicit) wildcards.push({ index, matches: pattern.matches });
    else if (!explicitIndexes.has(entry)) explicitIndexes.set(entry, index);
  }
  return (kind, name) => {
    const exactIndex = kind === "wildcard" ? undefined : explicitIndexes.get(name);
    if (kind === "explicit") return exactIndex;
    const wildcardIndex = wildcards.find(({ matches }) => matches(name))?.index;
    return exactIndex !== undefined && wildcardIndex !== undefined
      ? Math.min(exactIndex, wildcardIndex)
      : exactIndex ?? wildcardIndex;
  };
}
