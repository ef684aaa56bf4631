import type { PolicyCase } from "../config/editing/mod.ts";
import type { ConfigProblem } from "../errors.ts";
import { formatPath } from "../json.ts";
import type { CallArguments, Policy } from "../policy/mod.ts";
import {
  type DecisionSubject,
  explainDecision,
  type PrintedCondition,
  type PrintedExplanation,
} from "./explain_decision.ts";
import { describeCondition } from "./explain_text.ts";
import type { RememberedCatalogs } from "./remembered_catalogs.ts";

/** A case that the rules do not decide as expected, in the JSON that is printed. */
export interface Difference {
  /** The position of the case, and what it is about. */
  readonly problem: ConfigProblem;
  /** The expected decision, such as `deny by agents.a.deny.tools.files[0]`. */
  readonly expected: string;
  /** The decision, with the entry or the list that decided. */
  readonly decided: string;
  /** The changes of the case or of the rules that would make the case pass. */
  readonly to_pass: string;
}

/** The result of a case. */
export interface CheckedCase {
  /** Absent if the rules decide as expected. */
  readonly difference?: Difference;
  /** Paths of the entries that decided, in any step. */
  readonly rules: readonly string[];
}

/** Decides a case, and compares the decision with the expected one. */
export async function checkCase(
  policyCase: PolicyCase,
  { policy, catalogs }: { readonly policy: Policy; readonly catalogs: RememberedCatalogs },
): Promise<CheckedCase> {
  const { agent, server, subject, expect, rule: expectedRule } = policyCase;
  const decisionSubject: DecisionSubject = { agent, server, ...subject };
  const args = policyCase.args === undefined ? undefined : readArguments(policyCase.args);
  let explanation = explainDecision(policy, { ...decisionSubject, args });
  if (explanation.decision === "depends" && "tool" in subject) {
    const listedTool = await catalogs.findTool(server, subject.tool);
    if (listedTool !== undefined) {
      explanation = explainDecision(policy, { ...decisionSubject, args, listed: listedTool });
    }
  }
  const { decision, rule, steps } = explanation;
  const rules = steps.flatMap(({ found }) => found === undefined ? [] : [found.rule]);
  const isRuleExpected = expectedRule === undefined || expectedRule === rule;
  if (decision === expect && isRuleExpected) return { rules };
  const to_pass = decision === expect
    ? `write "rule": ${JSON.stringify(rule)} in the case, or change the rules so that ` +
      `${expectedRule} decides`
    : describeRemedies(policyCase, explanation);
  const difference = {
    problem: policyCase.createProblem(
      describeSubject(decisionSubject, policyCase.args !== undefined),
    ),
    expected: expect + (isRuleExpected ? "" : ` by ${expectedRule}`),
    decided: decision === "depends" ? `nothing: it depends on ${rule}` : `${decision} by ${rule}`,
    to_pass,
  };
  return { difference, rules };
}

function readArguments(json: string): CallArguments {
  return { json, value: JSON.parse(json) };
}

function describeSubject(
  { agent, server, tool, resource, prompt }: DecisionSubject,
  hasArguments: boolean,
): string {
  const name = JSON.stringify(tool ?? resource ?? prompt);
  const kind = tool !== undefined ? "tool" : resource !== undefined ? "resource" : "prompt";
  const suffix = tool === undefined ? "" : hasArguments ? ", with its args" : ", without args";
  return `${kind} ${name} of server ${JSON.stringify(server)} for agent ${JSON.stringify(agent)}` +
    suffix;
}

/** Describes the changes of the case or of the rules that would make the case pass. */
function describeRemedies(policyCase: PolicyCase, explanation: PrintedExplanation): string {
  const { decision, depends_on: dependsOn, conditions = [] } = explanation;
  if (decision === "depends") return describeMissingFacts(policyCase, dependsOn ?? []);
  const texts = conditions
    .filter((condition) => {
      // After a denial, fulfilling the condition of an `ask` leads to a question, not to an allowance.
      const leadsToAsk = decision === "deny" && condition.decision === "ask";
      return policyCase.expect === (leadsToAsk ? "ask" : "allow");
    })
    .map((condition) => describeCondition(condition, decision));
  const rulesChange = describeRulesChange(policyCase, explanation);
  const caseChange = `write "expect": "${decision}" in the case`;
  return [...texts, ...rulesChange === undefined ? [] : [rulesChange], caseChange].join("; or ");
}

function describeMissingFacts(
  { server, args }: PolicyCase,
  conditions: readonly PrintedCondition[],
): string {
  const dependencies = conditions.map((condition) => describeCondition(condition, "depends"));
  const remedy = args === undefined
    ? "give the case `args`"
    : `run agent-mcp-gateway refresh ${server}, so that the tool's annotations are known`;
  return `${remedy} (${dependencies.join("; ")})`;
}

/** Describes a change of the rules after which they decide as expected; `undefined` if deciding failed. */
function describeRulesChange(
  { agent, server, subject, expect, args }: PolicyCase,
  { decision, rule, steps }: PrintedExplanation,
): string | undefined {
  const [key, name] = "tool" in subject
    ? ["tools", subject.tool]
    : "resource" in subject
    ? ["resources", subject.resource]
    : ["prompts", subject.prompt];
  const addTo = (effect: string): string => {
    const path = formatPath(["agents", agent, effect, key, server]);
    const condition = args !== undefined
      ? ', with a condition ("when") if it is for such calls only'
      : "";
    return `add ${JSON.stringify(name)} to ${path}${condition}`;
  };
  if (expect === "deny" || (expect === "ask" && decision === "allow")) return addTo(expect);
  const question = expect === "ask" ? `, and ${addTo("ask")}` : "";
  const { step } = steps.at(-1) ?? {};
  switch (step) {
    case "agent":
      return `add ${rule} to the rules`;
    case "server default":
      return `add ${JSON.stringify(server)} to ${rule}${question}`;
    case "tool default":
    case "resource default":
    case "prompt default":
      return addTo(expect);
    case "error":
    case undefined:
      return undefined;
    default:
      return `remove or narrow ${rule}${question}`;
  }
}
