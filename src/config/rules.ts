/** The rules file, checked. Maps throughout, so that `__proto__` and `constructor` are ordinary names. */
export interface Rules {
  /** What each agent may use, in the file's order. */
  readonly agents: ReadonlyMap<string, AgentRules>;
  /** Whether an operation without an agent id is refused; default true. */
  readonly denyOnMissingAgent: boolean;
  /** Whether every deny comes before every allow; default false. */
  readonly denyOverrides: boolean;
  /** Limits of agents that have none of their own. */
  readonly limits?: Limits;
  /** Which JSON Web Tokens name an agent over HTTP. */
  readonly jwt?: JwtOptions;
}

/** What one agent may use. */
export interface AgentRules {
  /** What is granted. */
  readonly allow?: Grants;
  /** What is refused. */
  readonly deny?: Grants;
  /** The agent's own limits; each part left out falls back to `Rules.limits`. */
  readonly limits?: Limits;
  /** Whether the agent may read the gateway's status over HTTP; default false. */
  readonly status: boolean;
  /** Bearer tokens that name this agent. */
  readonly tokens: readonly TokenHash[];
}

/** Patterns as written in the file: `*` any run of characters, `?` one. */
export interface Grants {
  /** Server name patterns. */
  readonly servers?: readonly string[];
  /** Tool name patterns by server name pattern. */
  readonly tools?: ReadonlyMap<string, readonly string[]>;
}

/** How much an agent may do. */
export interface Limits {
  /** Operations per minute, at least 1. */
  readonly perMinute?: number;
  /** Operations at the same time, at least 1. */
  readonly concurrent?: number;
}

/** A bearer token, known by its hash only. */
export interface TokenHash {
  /** SHA-256 of the token, 64 hex digits in lower case. */
  readonly sha256: string;
  /** Milliseconds since 1970 from which the token counts no more. */
  readonly expiresAtMs?: number;
}

/** The issuer whose JSON Web Tokens are accepted. */
export interface JwtOptions {
  /** Value of the `iss` claim. */
  readonly issuer: string;
  /** Value that the `aud` claim holds. */
  readonly audience: string;
  /** Where the keys are; found from the issuer where absent. */
  readonly jwksUrl?: string;
  /** Name of the claim that holds the agent id. */
  readonly agentClaim: string;
}
