/**
 * The part of the rules that decisions depend on. The type is structural on purpose: the reader of the
 * rules file may pass any object of this shape, with or without more members.
 */
export interface PolicyRules {
  /** The rules by agent id. A map, so that `__proto__` and `constructor` are names like any other. */
  readonly agents: ReadonlyMap<string, AgentGrants>;
  /** `true` puts every deny before every allow. */
  readonly denyOverrides: boolean;
}

/** The rules of one agent. */
export interface AgentGrants {
  /** Servers and tools that the agent may use; absent: none. */
  readonly allow?: GrantLists | undefined;
  /** Servers and tools that the agent may not use; an explicit allow of a tool wins over a wildcard here. */
  readonly deny?: GrantLists | undefined;
  /** Whether the agent may read the gateway's status over the network; default false. */
  readonly status?: boolean | undefined;
}

/** Patterns for servers, and for tools by server. */
export interface GrantLists {
  /** Patterns of server names. */
  readonly servers?: readonly string[] | undefined;
  /** Patterns of tool names, by server name or pattern of server names. */
  readonly tools?: ReadonlyMap<string, readonly string[]> | undefined;
}
