import type { ConditionalEntry, ToolEntry } from "../tool_entry.ts";
import { compilePattern, type Pattern } from "../wildcards/mod.ts";
import { type CallArguments, type ExactArguments, readExactArguments } from "./call_arguments.ts";
import { compileEntries, type EntryKind, type FindEntry, type SkippedEntry } from "./entries.ts";
import type { Effect } from "./rules.ts";
import {
  compileCondition,
  type Condition,
  type ConditionChange,
  type ListedTool,
  type ToolFacts,
} from "./condition.ts";

/** A tool whose entries are searched, and the known facts about its call. */
export interface ToolName extends ToolFacts {
  readonly tool: string;
}

/** Prepares a tool for the search in lists; its arguments are read at most once, if a condition needs them. */
export function toToolName({ tool, args, listed }: {
  readonly tool: string;
  readonly args?: (() => CallArguments) | undefined;
  readonly listed?: (() => ListedTool | undefined) | undefined;
}): ToolName {
  if (args === undefined) return { tool, listed };
  let result: { readonly exact: ExactArguments | undefined } | undefined;
  return { tool, listed, args: () => (result ??= { exact: readExactArguments(args()) }).exact };
}

/** An entry without its position in a list. */
interface CompiledPattern extends Pattern {
  /** Returns the condition; undefined if the entry matches whatever the arguments are. */
  readonly condition: (() => Condition) | undefined;
}

/** A compiled entry. */
interface CompiledEntry extends CompiledPattern {
  readonly index: number;
}

/** Compiles a list of tools. */
export type CompileToolEntries = (
  entries: readonly ToolEntry[],
  effect: Effect,
) => FindEntry<ToolName>;

/**
 * Creates the compiler of the lists of tools. Equal entries are compiled once: the rules of many agents are often
 * alike, and a decision takes half of the time if its data is still in the processor's cache (measured).
 */
export function createToolEntryCompiler(): CompileToolEntries {
  const plainEntries = new Map<string, CompiledPattern>();
  const conditionalEntries = new Map<string, CompiledPattern>();
  const compileEntry = (entry: ToolEntry, effect: Effect): CompiledPattern => {
    const [compiled, key] = typeof entry === "string"
      ? [plainEntries, entry]
      : [conditionalEntries, keyOf(entry, effect)];
    const pattern = compiled.get(key) ?? compilePatternOf(entry, effect);
    compiled.set(key, pattern);
    return pattern;
  };
  return (entries, effect) => compileToolEntries(entries, (entry) => compileEntry(entry, effect));
}

/** Returns a text that is the same for equal entries with the same effect. */
function keyOf({ tool, hint, when }: ConditionalEntry, effect: Effect): string {
  return JSON.stringify([effect, tool, hint, when && [...when]]);
}

function compilePatternOf(entry: ToolEntry, effect: Effect): CompiledPattern {
  if (typeof entry === "string") return { ...compilePattern(entry), condition: undefined };
  const isConditional = entry.hint !== undefined || entry.when !== undefined;
  return {
    ...compilePattern(entry.tool),
    condition: isConditional ? prepareCondition(entry, effect) : undefined,
  };
}

/**
 * Compiles a list of tools. Of several entries that match the tool, the first whose condition holds is found; those
 * before it are skipped.
 */
function compileToolEntries(
  entries: readonly ToolEntry[],
  compileEntry: (entry: ToolEntry) => CompiledPattern,
): FindEntry<ToolName> {
  if (entries.every((entry) => typeof entry === "string")) {
    const findEntry = compileEntries(entries);
    return (kind, { tool }) => findEntry(kind, tool);
  }
  const explicit = new Map<string, CompiledEntry[]>();
  const wildcards: CompiledEntry[] = [];
  for (const [index, entry] of entries.entries()) {
    const compiled = { index, ...compileEntry(entry) };
    const tool = typeof entry === "string" ? entry : entry.tool;
    const sameTool = compiled.isExplicit ? explicit.get(tool) : wildcards;
    if (sameTool === undefined) explicit.set(tool, [compiled]);
    else sameTool.push(compiled);
  }
  const candidates = (kind: EntryKind, tool: string): readonly CompiledEntry[] => {
    const explicitEntries = kind === "wildcard" ? [] : explicit.get(tool) ?? [];
    const wildcardEntries = kind === "explicit"
      ? []
      : wildcards.filter(({ matches }) => matches(tool));
    return wildcardEntries.length === 0
      ? explicitEntries
      : [...explicitEntries, ...wildcardEntries].sort((a, b) => a.index - b.index);
  };
  return (kind, name) => {
    const skipped: SkippedEntry[] = [];
    for (const { index, condition: getCondition } of candidates(kind, name.tool)) {
      if (getCondition === undefined) return { index, skipped };
      const condition = getCondition();
      const state = condition.judge(name);
      const judgedCondition = {
        isCorrectable: (change: ConditionChange) => condition.isCorrectable(name, change),
        requirement: (change: ConditionChange) => condition.describe(name, change),
      };
      if (state === "holds") return { index, skipped, condition: judgedCondition };
      skipped.push({ index, state, condition: judgedCondition });
    }
    return skipped.length === 0 ? undefined : { skipped };
  };
}

/** Prepares a condition, which is compiled when it is first judged: a call concerns few entries of a list. */
function prepareCondition(entry: ConditionalEntry, effect: Effect): () => Condition {
  let condition: Condition | undefined;
  return () => condition ??= compileCondition(entry, effect);
}
