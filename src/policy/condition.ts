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
  /** Whether other arguments can make an `allow` match, or a `deny` not match. */
  readonly isCorrectable: (facts: ToolFacts) => boolean;
  /** Describes the change that would do so. This takes longer than judging. */
  readonly describe: (facts: ToolFacts) => string;
}

/** Compiles the condition of an entry. */
export function compileCondition(
  { hint, when }: ConditionalEntry,
  effect: Effect,
): Condition {
  const tests = [...when ?? []].map(([name, test]) => {
    let text: string | undefined;
    return {
      judge: compileArgument({ name, test, effect }),
      describe: () => text ??= describeArgument({ name, test, effect }),
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
  const isCorrectable = (facts: ToolFacts): boolean => {
    return tests.length > 0 && !(isAllow && judgeHint(facts) === false);
  };
  const describe = (facts: ToolFacts): string => {
    const hintHolds = judgeHint(facts);
    const args = facts.args?.();
    const judged = tests.map((test) => {
      return { test, verdict: facts.args === undefined ? undefined : test.judge(args) };
    });
    const isFailed = hintHolds === false || judged.some(({ verdict }) => verdict?.holds === false);
    const texts = judged.flatMap(({ test, verdict }) => {
      // An `allow` needs what fails; to escape a `deny`, changing one of the arguments is enough.
      if (isAllow && isFailed && verdict?.holds) return [];
      const text = test.describe();
      return [verdict?.fault === undefined ? text : `${text} (${verdict.fault})`];
    });
    if (hint !== undefined && (hintHolds !== true || !isAllow)) {
      texts.push(describeHint(hint, effect));
    }
    return texts.join(isAllow ? ", and " : ", or ");
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
