import { isRecord } from "../json.ts";
import type { ConditionalEntry, ToolHint } from "../tool_entry.ts";
import { compileArgument } from "./argument_condition.ts";
import { describeArgument, describeHint } from "./requirement.ts";

/** The definition of a tool, as far as conditions need it. */
export interface ListedTool {
  /** The tool's annotations, as its server wrote them. */
  readonly annotations?: unknown;
}

/** The arguments of a call with exact numbers; `undefined` if they are too long to be read. */
export type ExactArguments = { readonly value: unknown } | undefined;

/** The known facts about a tool and its call. */
export interface ToolFacts {
  /** Returns the arguments; absent while they are not known. */
  readonly args?: (() => ExactArguments) | undefined;
  /** Returns the tool, `undefined` if its server does not list it; absent while the list is not known. */
  readonly listed?: (() => ListedTool | undefined) | undefined;
}

/** The judgment of a condition: it holds, it does not, or it depends on something that is not known. */
export interface ConditionVerdict {
  readonly state: "holds" | "fails" | "depends";
  /** Whether other arguments can make an `allow` match, or a `deny` not match. */
  readonly isCorrectable: boolean;
  /** Returns what would make an `allow` match, or a `deny` not match. */
  readonly requirement: () => string;
}

/** Judges the condition of an entry. */
export type Condition = (facts: ToolFacts) => ConditionVerdict;

/** Compiles the condition of an entry. */
export function compileCondition(
  { hint, when }: ConditionalEntry,
  effect: "allow" | "deny",
): Condition {
  const tests = [...when ?? []].map(([name, test]) => ({
    judge: compileArgument({ name, test, effect }),
    describe: () => describeArgument({ name, test, effect }),
  }));
  const isAllow = effect === "allow";
  return ({ args, listed }) => {
    const hintHolds = hint === undefined
      ? true
      : listed === undefined
      ? undefined
      : fitsHint(listed(), hint) ?? !isAllow;
    const verdicts = tests.map(({ judge, describe }) => {
      return { describe, ...(args === undefined ? undefined : judge(args())) };
    });
    const isFailed = hintHolds === false || verdicts.some(({ holds }) => holds === false);
    const isOpen = hintHolds === undefined || verdicts.some(({ holds }) => holds === undefined);
    const requirement = (): string => {
      // An `allow` needs what fails; to escape a `deny`, changing one of the arguments is enough.
      const texts = verdicts.filter(({ holds }) => !(isAllow && isFailed && holds === true))
        .map(({ describe, fault }) =>
          fault === undefined ? describe() : `${describe()} (${fault})`
        );
      if (hint !== undefined && (hintHolds !== true || !isAllow)) {
        texts.push(describeHint(hint, effect));
      }
      return texts.join(isAllow ? ", and " : ", or ");
    };
    const isCorrectable = tests.length > 0 && !(isAllow && hintHolds === false);
    const state = isFailed ? "fails" : isOpen ? "depends" : "holds";
    return { state, isCorrectable, requirement };
  };
}

/**
 * Whether a tool has a property. Where its annotations say nothing, the defaults of MCP hold.
 *
 * @returns `undefined` if the server does not list the tool.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/schema#toolannotations}
 */
function fitsHint(tool: ListedTool | undefined, hint: ToolHint): boolean | undefined {
  if (tool === undefined) return undefined;
  const { readOnlyHint, destructiveHint, openWorldHint } = isRecord(tool.annotations)
    ? tool.annotations
    : {};
  switch (hint) {
    case "read_only":
      return readOnlyHint === true;
    case "destructive":
      return readOnlyHint !== true && destructiveHint !== false;
    case "open_world":
      return openWorldHint !== false;
  }
}
