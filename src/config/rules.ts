import type { ToolEntry } from "../tool_entry.ts";

/** The checked rules file. Uses maps, so that `__proto__` and `constructor` are ordinary names. */
export interface Rules {
  /** The rules of each agent by its id, in the file's order. */
  readonly agents: ReadonlyMap<string, AgentRules>;
  /** Whether an operation without an agent id is denied; default true. */
  readonly denyOnMissingAgent: boolean;
  /** Whether every deny is checked before every allow; default false. */
  readonly denyOverrides: boolean;
  /** The time for a person's approval of a call. */
  readonly approval: ApprovalTimes;
  /** Limits of agents that do not set their own. */
  readonly limits?: Limits;
  /** The JSON Web Tokens that identify agents over HTTP. */
  readonly jwt?: JwtOptions;
}

/** The effects of entries: the keys under which an agent's rules have them. */
export const EFFECTS = ["allow", "deny", "ask"] as const;

/** The rules of one agent. */
export interface AgentRules {
  /** The servers, tools, resources and prompts that the agent may use. */
  readonly allow?: EntryLists;
  /** The servers, tools, resources and prompts that the agent may not use. */
  readonly deny?: EntryLists;
  /** The tools whose calls need a person's approval. */
  readonly ask?: Pick<EntryLists, "tools">;
  /** Whether the agent is in shadow mode: what the rules do not allow is let through, and only recorded; default false. */
  readonly isShadowed?: true;
  /** The agent's own limits; a missing one falls back to `Rules.limits`. */
  readonly limits?: Limits;
  /** Whether the agent may read the gateway's status over HTTP; default false. */
  readonly status: boolean;
  /** Bearer tokens that identify this agent. */
  readonly tokens: readonly TokenHash[];
}

/** Seconds for which an approval is valid by default. */
export const DEFAULT_EXPIRES_S = 600;

/** The time for a person's approval of a call. */
export interface ApprovalTimes {
  /** Seconds for which a request for an approval, and its answer, are valid: 1 to 86,400. */
  readonly expiresS: number;
  /** Seconds for which a call waits for its approval: 0 to `expiresS`. */
  readonly waitS: number;
}

/** Patterns as written in the file: `*` matches any run of characters, `?` exactly one. */
export interface EntryLists {
  /** Server name patterns. */
  readonly servers?: readonly string[];
  /** Tool name patterns, with or without conditions, by server name pattern. */
  readonly tools?: ReadonlyMap<string, readonly ToolEntry[]>;
  /** URI patterns by server name pattern. */
  readonly resources?: ReadonlyMap<string, readonly string[]>;
  /** Prompt name patterns by server name pattern. */
  readonly prompts?: ReadonlyMap<string, readonly string[]>;
}

/** Limits on the operations of an agent, and on their results. */
export interface Limits {
  /** Operations per minute, at least 1. */
  readonly perMinute?: number;
  /** Operations at the same time, at least 1. */
  readonly concurrent?: number;
  /** Tokens of a tool's result, at least 200; a larger one is cut. */
  readonly maxResultTokens?: number;
}

/** The hash of a bearer token. */
export interface TokenHash {
  /** SHA-256 of the token, 64 hex digits in lower case. */
  readonly sha256: string;
  /** Milliseconds since 1970 at which the token expires. */
  readonly expiresAtMs?: number;
}

/** The issuer whose JSON Web Tokens are accepted. */
export interface JwtOptions {
  /** Value of the `iss` claim. */
  readonly issuer: string;
  /** Value that the `aud` claim must contain. */
  readonly audience: string;
  /** Address of the issuer's keys; discovered from the issuer if absent. */
  readonly jwksUrl?: string;
  /** Name of the claim with the agent id. */
  readonly agentClaim: string;
}
