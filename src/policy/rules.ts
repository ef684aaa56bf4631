/**
 * The part of the rules that decisions are made of. Structural on purpose: whatever reads the rules
 * file only has to hand over something of this shape, with more in it or not.
 */
export interface PolicyRules {
  /** By agent id. A map, so that `__proto__` and `constructor` are names like any other. */
  readonly agents: ReadonlyMap<string, AgentGrants>;
  /** `true` puts every deny before every allow. */
  readonly denyOverrides: boolean;
}

/** The rules of one agent. */
export interface AgentGrants {
  /** Servers and tools that it may use; absent: none. */
  readonly allow?: GrantLists | undefined;
  /** Servers and tools that it may not use, although allowed. */
  readonly deny?: GrantLists | undefined;
  /** Whether it may read the gateway's status over the network; default false. */
  readonly status?: boolean | undefined;
}

/** Patterns for servers, and for tools by server. */
export interface GrantLists {
  /** Patterns of server names. */
  readonly servers?: readonly string[] | undefined;
  /** Patterns of tool names, by server name or pattern of server names. */
  readonly tools?: ReadonlyMap<string, readonly string[]> | undefined;
}
