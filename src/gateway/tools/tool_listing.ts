/** The filters, steps and limits that the list of a server's tools and the list of found tools share. */

import type { ItemList, Tool } from "../../downstream/mod.ts";
import { CallerError } from "../../errors.ts";
import { longWork } from "../../long_work.ts";
import { compilePattern } from "../../policy/mod.ts";
import type { FoundTool } from "./finding/mod.ts";
import { estimateTokens } from "./tokens.ts";
import type { Arguments } from "./tool.ts";

/** Maximum length of a pattern, in UTF-16 code units: that of a tool's name. */
const MAX_PATTERN_LENGTH = 256;

/** Maximum length of the list of an answer, in UTF-16 code units; about 130,000 tokens. */
const MAX_LIST_LENGTH = 512 * 1024;

/** Time after which the steps on a list that is not long run as long work, in milliseconds. */
const MAX_DIRECT_MS = 5;

/** The shown part of each tool. */
export type Detail = "full" | "types" | "signatures" | "names";

/** Runs a step of the work on a list of tools. */
export type StepRunner = <T>(step: () => T) => T | Promise<T>;

/** Creates a runner of steps, between which other calls run if the list is long or the steps take long. */
export function createStepRunner({ isLong }: Pick<ItemList, "isLong">, agent: string): StepRunner {
  const startedAt = performance.now();
  return (step) =>
    isLong || performance.now() - startedAt > MAX_DIRECT_MS
      ? longWork.run(`agent ${agent}`, step)
      : step();
}

/** Refuses a pattern that is longer than any name. */
export function refuseLongPattern({ pattern }: Arguments): void {
  if (typeof pattern !== "string" || pattern.length <= MAX_PATTERN_LENGTH) return;
  const message =
    `get_server_tools: "pattern" must have at most ${MAX_PATTERN_LENGTH} characters. ` +
    "Correct it and call again.";
  throw new CallerError("INVALID_ARGUMENTS", message);
}

/** Reads the comma-separated names of the arguments; `undefined` if there are none. */
export function readNames({ names }: Arguments): ReadonlySet<string> | undefined {
  if (typeof names !== "string") return undefined;
  return new Set(names.split(",").map((name) => name.trim()).filter((name) => name !== ""));
}

/** Creates a function that returns whether the names and the pattern of the arguments include a tool. */
export function createSelector(
  args: Arguments,
  names: ReadonlySet<string> | undefined,
): (tool: Tool) => boolean {
  const pattern = typeof args.pattern === "string" ? compilePattern(args.pattern) : undefined;
  return ({ name }) => (names?.has(name) ?? true) && (pattern?.matches(name) ?? true);
}

/** Computes a value once for each tool: the signatures of 400 tools take 2 ms, and agents ask again and again. */
export function computeOnce<T>(compute: (tool: Tool) => T): (tool: Tool) => T {
  const values = new WeakMap<Tool, T>();
  return (tool) => {
    const value = values.get(tool) ?? compute(tool);
    values.set(tool, value);
    return value;
  };
}

/** Writes the whole definition of a tool, as its server wrote it. */
export const writeDefinition = ({ text }: Tool): string => text.json;

/**
 * Returns the function that writes the whole definitions of a server's tools for agents. If the server is pinned, it
 * leaves out `_meta` and icons: the server may change them, so a model must not read them.
 */
export async function definitionWriter(
  { isPinned }: { readonly isPinned: boolean },
): Promise<(tool: Tool) => string> {
  if (!isPinned) return writeDefinition;
  const { canonicalDefinition } = await import("../../pins/mod.ts");
  return (tool) => {
    const { name, text: { json } } = tool;
    // A key may have escapes.
    if (!/_meta|icons|\\/.test(json)) return json;
    const canonical = canonicalDefinition(json);
    return "json" in canonical ? canonical.json : JSON.stringify({ name });
  };
}

/** The tools of an answer. */
export interface WrittenTools {
  readonly texts: readonly string[];
  /** Whether the answer would be too long with the other tools. */
  readonly isCut: boolean;
}

/** The member of an answer that shows the tools: its key, and its value as JSON. */
export interface ToolsMember {
  readonly key: "tools" | "types";
  readonly json: string;
}

/** Joins the texts of the first tools to a list; with detail `types`, declares these tools together in one text. */
export async function joinTools(
  texts: readonly string[],
  { detail, tools, runStep }: {
    readonly detail: Detail;
    /** The tools; the first of them have the texts. */
    readonly tools: readonly FoundTool[];
    readonly runStep: StepRunner;
  },
): Promise<ToolsMember> {
  if (detail !== "types") return { key: "tools", json: `[${texts.join(",")}]` };
  const { declareTools } = await import("./declarations.ts");
  return { key: "types", json: await declareTools(tools.slice(0, texts.length), runStep) };
}

/** Writes the first tools that fit into `max_schema_tokens` and into the maximum length, in the given order. */
export async function writeTools<T>(
  tools: readonly T[],
  { write, args, runStep }: {
    readonly write: (tool: T) => string;
    readonly args: Arguments;
    readonly runStep: StepRunner;
  },
): Promise<WrittenTools> {
  const maxTokens = args.max_schema_tokens;
  const texts: string[] = [];
  let length = 0;
  let tokens = 0;
  let isCut = false;
  for (const tool of tools) {
    const text = await runStep(() => write(tool));
    length += text.length;
    isCut = length > MAX_LIST_LENGTH && texts.length > 0;
    if (isCut) break;
    if (typeof maxTokens === "number") {
      tokens += await runStep(() => estimateTokens(text));
      if (tokens > maxTokens) break;
    }
    texts.push(text);
  }
  return { texts, isCut };
}
