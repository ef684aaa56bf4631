import { parseArgumentPointer } from "../argument_pointer.ts";
import { compileChecks, type NamedCheck } from "./argument_checks.ts";
import { type ExactArguments, ExactNumber, takeWork, type Work } from "./call_arguments.ts";
import type { ArgumentCondition } from "./requirement.ts";
import type { Effect } from "./rules.ts";
import { AMBIGUOUS, findPointed, MAX_VALUES, MISSING } from "./pointed_values.ts";

/** Units of work to judge a value, besides those of its checks. */
const VALUE_WORK = 24;

/** Maximum nesting of lists whose members are judged. */
const MAX_DEPTH = 64;

/** Whether the tests of an argument hold, and the fault of the value, such as `it is missing`, if it has one. */
export interface ArgumentVerdict {
  readonly holds: boolean;
  readonly fault?: string;
}

/** Judges the arguments of a call; `undefined` stands for arguments that cannot be read exactly. */
export type JudgeArgument = (args: ExactArguments | undefined) => ArgumentVerdict;

/** The judgment of one value. */
interface Judgment {
  readonly holds: boolean;
  /** The value that decided, if no test could judge it. */
  readonly unjudged?: { readonly value: unknown; readonly key?: NamedCheck["key"] };
}

/** The number of list members that may still be judged, and the work that is left. */
interface ListBudget {
  membersLeft: number;
  readonly work: Work;
}

const HOLDS: Judgment = { holds: true };
const FAILS: Judgment = { holds: false };

/**
 * Compiles the tests of one argument. In an `allow`, all values have to pass; in a `deny` or an `ask`, one is enough.
 * A value that is missing, or that a test cannot judge, fails in an `allow`, and matches in a `deny` or an `ask`.
 */
export function compileArgument(
  { name, test, effect }: ArgumentCondition & { readonly effect: Effect },
): JudgeArgument {
  const keys = parseArgumentPointer(name);
  const { exists } = test;
  const checks = compileChecks(test);
  const wholeChecks = checks.filter(({ key }) => key === "equals" || key === "oneOf");
  const judgesWholeLists = wholeChecks.length > 0 && wholeChecks.length === checks.length;
  const isAllow = effect === "allow";

  const unjudged = (value: unknown, key?: NamedCheck["key"]): Judgment => {
    return { holds: !isAllow, unjudged: { value, ...(key && { key }) } };
  };

  const judgeMissing = (): Judgment => {
    if (exists === true || (exists === false && checks.length === 0)) return { holds: !exists };
    return unjudged(MISSING);
  };

  const judgeSingle = (value: unknown, work: Work): Judgment => {
    if (exists === false) return FAILS;
    if (!takeWork(work, VALUE_WORK)) return unjudged(undefined);
    let unjudgedResult: Judgment | undefined;
    for (const { key, check } of checks) {
      const result = check(value, work);
      if (work.left < 0) return unjudged(undefined);
      if (result === false) return FAILS;
      if (result === undefined) unjudgedResult ??= unjudged(value, key);
    }
    return unjudgedResult ?? HOLDS;
  };

  const judgeList = (
    list: readonly unknown[],
    depth: number,
    budget: ListBudget,
  ): Judgment => {
    if (judgesWholeLists && exists !== false) {
      const wholeJudgment = judgeSingle(list, budget.work);
      if (wholeJudgment.holds) return wholeJudgment;
    }
    budget.membersLeft -= list.length;
    if (depth > MAX_DEPTH || budget.membersLeft < 0) return unjudged(list);
    return judgeAll(list, depth, budget);
  };

  const judgeValue = (value: unknown, depth: number, budget: ListBudget): Judgment => {
    if (value === MISSING) return judgeMissing();
    if (value === AMBIGUOUS) return unjudged(AMBIGUOUS);
    return Array.isArray(value)
      ? judgeList(value, depth + 1, budget)
      : judgeSingle(value, budget.work);
  };

  const judgeAll = (
    values: readonly unknown[],
    depth: number,
    budget: ListBudget,
  ): Judgment => {
    if (values.length === 0) {
      return isAllow ? { holds: false, unjudged: { value: values } } : FAILS;
    }
    let lastJudgment: Judgment = isAllow ? HOLDS : FAILS;
    for (const value of values) {
      const judgment = judgeValue(value, depth, budget);
      // The first value that fails decides in an `allow`, the first that matches in others.
      if (judgment.holds !== isAllow) return judgment;
      lastJudgment = judgment;
    }
    return lastJudgment;
  };

  return (args) => {
    const values = args && keys && findPointed(args.value, { keys, work: args.work });
    const judgment = args === undefined || values === undefined
      ? unjudged(values)
      : judgeAll(values, 0, { membersLeft: MAX_VALUES, work: args.work });
    const fault = judgment.unjudged && describeFault(judgment.unjudged);
    return fault === undefined ? judgment : { holds: judgment.holds, fault };
  };
}

function describeFault(
  { value, key }: { readonly value: unknown; readonly key?: NamedCheck["key"] },
): string {
  if (value === MISSING) return "it is missing";
  if (value === AMBIGUOUS) return "another key differs from it only in case";
  if (value === undefined) return "there is too much to judge";
  if (Array.isArray(value)) {
    return value.length === 0 ? "it is empty" : "there is too much to judge";
  }
  if (value === null) return "it is null";
  if (value instanceof ExactNumber || typeof value === "number") {
    if (key === undefined || ["like", "ilike", "within", "host", "maxLength"].includes(key)) {
      return "it is a number";
    }
    const isTooLarge = value instanceof ExactNumber && !Number.isFinite(value.nearest);
    return isTooLarge ? "it is too large" : "many programs would round it";
  }
  if (typeof value !== "string") {
    return typeof value === "boolean" ? `it is ${value}` : "it is an object";
  }
  switch (key) {
    case "within":
      return "it is not an absolute path";
    case "host":
      return "it is not a URL with a host";
    case "min":
    case "max":
      return "it is a string";
    default:
      return "it is too long to judge";
  }
}
