import { type AccessRequest, type Explanation, type Policy, type StepName } from "../policy/mod.ts";
import type { Share, SharedKind } from "./share.ts";

/** A decision, in the JSON that is printed. */
export interface PrintedDecision {
  readonly decision: "allow" | "deny";
  /** Path of the entry that decided, or of the list in which no entry allows the access. */
  readonly rule: string;
}

/** A decision and the steps that led to it; the last step has `found`. */
export interface PrintedExplanation extends PrintedDecision {
  readonly steps: readonly {
    readonly step: StepName;
    /** The lists that were searched. */
    readonly searched: readonly string[];
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

/**
 * Returns the policy's decision about a tool, a resource or a prompt, or about a server if none is named, with
 * the steps to it. Without a server, the question is about a server that no rule names.
 */
export function explainDecision(
  policy: Policy,
  { agent, ...subject }: DecisionSubject,
): PrintedExplanation {
  return toPrintedExplanation(policy.explain(agent, toAccessRequest(subject)));
}

function toAccessRequest(
  { server = "", tool, resource, prompt }: Omit<DecisionSubject, "agent">,
): AccessRequest {
  if (tool !== undefined) return { kind: "tool", server, tool };
  if (resource !== undefined) return { kind: "resource", server, uri: resource };
  return prompt === undefined ? { kind: "server", server } : { kind: "prompt", server, prompt };
}

function toPrintedExplanation({ effect, rule, steps }: Explanation): PrintedExplanation {
  return {
    decision: effect,
    rule,
    steps: steps.map(({ name, searched, decision: found }) => ({
      step: name,
      searched,
      ...(found !== undefined && { found: { decision: found.effect, rule: found.rule } }),
    })),
  };
}
