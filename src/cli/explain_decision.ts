import type {
  AccessRequest,
  CallArguments,
  DecidingCondition,
  Decision,
  Effect,
  Explanation,
  ListedTool,
  Policy,
  StepName,
} from "../policy/mod.ts";
import type { Share, SharedKind } from "./share.ts";

/** A decision, in the JSON that is printed. */
export interface PrintedDecision {
  readonly decision: Decision["effect"];
  /** Path of the entry that decided, or of the list in which no entry allows the access. */
  readonly rule: string;
}

/** The condition of an entry whose tool matches, in the JSON that is printed. */
export interface PrintedCondition {
  /** Path of the entry. */
  readonly rule: string;
  /** The decision of the entry if its condition holds. */
  readonly decision: Effect;
  /** The change that would make an `allow` match, or a `deny` not match; for an `ask`, see `DecidingCondition`. */
  readonly requirement: string;
}

/** A decision and the steps that led to it; the last step has `found`. */
export interface PrintedExplanation extends PrintedDecision {
  /** The conditions that the decision depends on; absent if it depends on none. */
  readonly depends_on?: readonly PrintedCondition[];
  /** The conditions behind a decision to deny or to ask; absent if there are none. */
  readonly conditions?: readonly PrintedCondition[];
  readonly steps: readonly {
    readonly step: StepName;
    /** The lists that were searched. */
    readonly searched: readonly string[];
    /** The entries that match but for their conditions; absent if there are none. */
    readonly skipped?: readonly (PrintedCondition & { readonly state: "fails" | "depends" })[];
    readonly found?: PrintedDecision;
  }[];
}

/** The decisions about a server, and about what it offers. */
export interface ServerRow extends PrintedDecision {
  readonly server: string;
  readonly tools?: readonly (PrintedDecision & { readonly tool: string })[];
  /** Absent if the server has none. */
  readonly resources?: readonly (PrintedDecision & { readonly resource: string })[];
  /** The URI templates of resources, each decided like a URI; absent if the server has none. */
  readonly templates?: readonly (PrintedDecision & { readonly template: string })[];
  /** Absent if the server has none. */
  readonly prompts?: readonly (PrintedDecision & { readonly prompt: string })[];
  /** The reason why the server's tools are not known. */
  readonly error?: string;
}

/** The decisions about an agent's use of each server. */
export interface AgentRow {
  readonly agent: string;
  /** Each server, with the shares of what it offers if the agent may use it. */
  readonly servers: readonly (
    & PrintedDecision
    & { readonly server: string }
    & Partial<Readonly<Record<SharedKind, Share>>>
  )[];
}

/** The names that a decision is about. */
export interface DecisionSubject {
  readonly agent: string;
  readonly server?: string | undefined;
  readonly tool?: string | undefined;
  /** The URI of a resource. */
  readonly resource?: string | undefined;
  readonly prompt?: string | undefined;
}

/** The details of a call that are known to the decision. */
export type CallDetails = {
  readonly args?: CallArguments | undefined;
  /** The tool as its server lists it. */
  readonly listed?: ListedTool | undefined;
};

/**
 * Returns the policy's decision about a tool, a resource or a prompt, or about a server if none is named, with
 * the steps to it. Without a server, the question is about a server that no rule names.
 */
export function explainDecision(
  policy: Policy,
  { agent, args, listed, ...subject }: DecisionSubject & CallDetails,
): PrintedExplanation {
  const facts = {
    ...(args !== undefined && { args: () => args }),
    ...(listed !== undefined && { listed: () => listed }),
  };
  return toPrintedExplanation(policy.explain(agent, toAccessRequest(subject, facts)));
}

function toAccessRequest(
  { server = "", tool, resource, prompt }: Omit<DecisionSubject, "agent">,
  facts: Pick<AccessRequest & { readonly kind: "tool" }, "args" | "listed">,
): AccessRequest {
  if (tool !== undefined) return { kind: "tool", server, tool, ...facts };
  if (resource !== undefined) return { kind: "resource", server, uri: resource };
  return prompt === undefined ? { kind: "server", server } : { kind: "prompt", server, prompt };
}

function toPrintedExplanation(
  { effect, rule, conditions, steps }: Explanation,
): PrintedExplanation {
  const printedConditions = conditions?.map(toPrintedCondition);
  return {
    decision: effect,
    rule,
    ...(printedConditions !== undefined &&
      { [effect === "depends" ? "depends_on" : "conditions"]: printedConditions }),
    steps: steps.map(({ name, searched, skipped, decision: found }) => ({
      step: name,
      searched,
      ...(skipped !== undefined && {
        skipped: skipped.map((entry) => ({ ...toPrintedCondition(entry), state: entry.state })),
      }),
      ...(found !== undefined && { found: { decision: found.effect, rule: found.rule } }),
    })),
  };
}

/** Returns a condition as it is printed. */
export function toPrintedCondition(
  { rule, effect, requirement }: DecidingCondition,
): PrintedCondition {
  return { rule, decision: effect, requirement };
}
