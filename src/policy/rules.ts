import type { ToolEntry } from "../tool_entry.ts";

/** The part of the rules file that decisions depend on. */
export interface PolicyRules {
  /** The rules by agent id. A map, because an id may be `__proto__` or `constructor`. */
  readonly agents: ReadonlyMap<string, AgentGrants>;
  /** Whether every deny is searched before every allow. */
  readonly denyOverrides: boolean;
  /** Limits of agents that do not set their own. */
  readonly limits?: ResultLimits | undefined;
}

/** The limit on the results of an agent. */
export interface ResultLimits {
  /** Tokens of a tool's result; the agent may read the rest of a larger one. Default: no limit. */
  readonly maxResultTokens?: number | undefined;
}

/** The rules of one agent. */
export interface AgentGrants {
  /** The servers, tools, resources and prompts that the agent may use; absent if it may use none. */
  readonly allow?: GrantLists | undefined;
  /**
   * The same that the agent may not use. Unless `denyOverrides` is set, an explicit allow of a tool, resource or
   * prompt wins over a wildcard here.
   */
  readonly deny?: GrantLists | undefined;
  /** The tools whose calls need a person's approval; an entry here wins over one of the same kind in `allow`. */
  readonly ask?: AskLists | undefined;
  /**
   * Whether what the rules do not allow is let through, and only recorded, except for the gateway's own server. Default:
   * no.
   */
  readonly isShadowed?: boolean | undefined;
  /** The agent's own limits; a missing one falls back to `PolicyRules.limits`. */
  readonly limits?: ResultLimits | undefined;
  /** Whether the agent may read the gateway's status over HTTP. Default: no. */
  readonly status?: boolean | undefined;
}

/** Patterns for tools by server name or pattern of server names. */
export interface AskLists {
  /** Patterns of tool names, with or without conditions. */
  readonly tools?: ReadonlyMap<string, readonly ToolEntry[]> | undefined;
}

/** The effect of an entry. */
export type Effect = "allow" | "deny" | "ask";

/** Patterns for servers, and for tools, resources and prompts by server name or pattern of server names. */
export interface GrantLists {
  /** Patterns of server names. */
  readonly servers?: readonly string[] | undefined;
  /** Patterns of tool names, with or without conditions. */
  readonly tools?: ReadonlyMap<string, readonly ToolEntry[]> | undefined;
  /** Patterns of URIs. */
  readonly resources?: ReadonlyMap<string, readonly string[]> | undefined;
  /** Patterns of prompt names. */
  readonly prompts?: ReadonlyMap<string, readonly string[]> | undefined;
}
