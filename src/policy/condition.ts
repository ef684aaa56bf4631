import { isRecord } from "../json.ts";
import type { ConditionalEntry, ToolHint } from "../tool_entry.ts";
import { compileArgument } from "./argument_condition.ts";
import type { ExactArguments } from "./call_arguments.ts";
import type { Effect } from "./rules.ts";
import { describeArgument, describeHint } from "./requirement.ts";

/** The definition of a tool, as far as conditions need it. */
export interface ListedTool {
  /** The tool's annotations, as its server wrote them. */
  readonly annotations?: unknown;
}

/** The known facts about a tool and its call. */
export interface ToolFacts {
  /** Returns the arguments, `undefined` if they are too long to be read; absent while they are not known. */
  readonly args?: (() => ExactArguments | undefined) | undefined;
  /** Returns the tool, `undefined` if its server does not list it; absent while the list is not known. */
  readonly listed?: (() => ListedTool | undefined) | undefined;
}

/** Whether a condition holds or not, or depends on something that is not known. */
export type ConditionState = "holds" | "fails" | "depends";

/** The condition of an entry. */
export interface Condition {
  readonly judge: (facts: ToolFacts) => ConditionState;
  /** Whether other arguments can make the entry match, or not match. */
  readonly isCorrectable: (facts: ToolFacts, change: ConditionChange) => boolean;
  /** Describes the change that would do so. This takes longer than judging. */
  readonly describe: (facts: ToolFacts, change: ConditionChange) => string;
}

/** The change of an entry's result that other arguments or annotations have to cause. */
export interface ConditionChange {
  /** Whether the entry is to match, or not to match. */
  readonly toMatch: boolean;
}

/** Compiles the condition of an entry. */
export function compileCondition(
  { hint, when }: ConditionalEntry,
  effect: Effect,
): Condition {
  const tests = [...when ?? []].map(([name, test]) => {
    return {
      judge: compileArgument({ name, test, effect }),
      describe: (change: ConditionChange) => describeArgument({ name, test }, change),
    };
  });
  const isAllow = effect === "allow";
  const judgeHint = ({ listed }: ToolFacts): boolean | undefined => {
    if (hint === undefined) return true;
    return listed === undefined ? undefined : fitsHint(listed(), hint) ?? !isAllow;
  };
  const judge = (facts: ToolFacts): ConditionState => {
    const hintHolds = judgeHint(facts);
    if (hintHolds === false) return "fails";
    const isHintUnknown = hintHolds === undefined;
    if (tests.length === 0) return isHintUnknown ? "depends" : "holds";
    if (facts.args === undefined) return "depends";
    const args = facts.args();
    if (!tests.every((test) => test.judge(args).holds)) return "fails";
    return isHintUnknown ? "depends" : "holds";
  };
  const isCorrectable = (facts: ToolFacts, { toMatch }: ConditionChange): boolean => {
    return tests.length > 0 && !(toMatch && judgeHint(facts) === false);
  };
  const describe = (facts: ToolFacts, change: ConditionChange): string => {
    const { toMatch } = change;
    const hintHolds = judgeHint(facts);
    const args = facts.args?.();
    const judgedTests = tests.map((test) => {
      return { test, verdict: facts.args === undefined ? undefined : test.judge(args) };
    });
    const isFailed = hintHolds === false ||
      judgedTests.some(({ verdict }) => verdict?.holds === false);
    const texts = judgedTests.flatMap(({ test, verdict }) => {
      // To match, what fails has to change; not to match, a change of one of the arguments is enough.
      if (toMatch && isFailed && verdict?.holds) return [];
      const text = test.describe(change);
      return [verdict?.fault === undefined ? text : `${text} (${verdict.fault})`];
    });
    if (hint !== undefined && (hintHolds !== true || !toMatch)) {
      texts.push(describeHint(hint, change));
    }
    return texts.join(toMatch ? ", and " : ", or ");
  };
  return { judge, isCorrectable, describe };
}

/**
 * Whether a tool has a property, according to its annotations. The defaults of MCP replace those that are missing.
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
