import type { AgentGrants, GrantLists, PolicyRules } from "../../src/policy/mod.ts";

/** The rules as written in a file, as far as decisions need them. */
export interface WrittenRules {
  readonly agents: Record<
    string,
    {
      allow?: WrittenGrants;
      deny?: WrittenGrants;
      ask?: Pick<WrittenGrants, "tools">;
      mode?: "shadow";
      limits?: WrittenLimits;
    }
  >;
  readonly defaults?: { readonly deny_overrides?: boolean; readonly limits?: WrittenLimits };
}

interface WrittenLimits {
  readonly max_result_tokens?: number;
}

interface WrittenGrants {
  readonly servers?: readonly string[];
  readonly tools?: Record<string, readonly string[]>;
  readonly resources?: Record<string, readonly string[]>;
  readonly prompts?: Record<string, readonly string[]>;
}

/** Converts rules as written to the policy's rules. */
export function readRules(written: WrittenRules): PolicyRules {
  const agents = Object.entries(written.agents)
    .map(([id, { allow, deny, ask, mode, limits }]): [string, AgentGrants] => [
      id,
      {
        ...(allow && { allow: readGrants(allow) }),
        ...(deny && { deny: readGrants(deny) }),
        ...(ask && { ask: readGrants(ask) }),
        ...(mode && { isShadowed: true }),
        ...(limits && { limits: { maxResultTokens: limits.max_result_tokens } }),
      },
    ]);
  const { limits } = written.defaults ?? {};
  return {
    agents: new Map(agents),
    denyOverrides: written.defaults?.deny_overrides ?? false,
    ...(limits && { limits: { maxResultTokens: limits.max_result_tokens } }),
  };
}

function readGrants({ servers, tools, resources, prompts }: WrittenGrants): GrantLists {
  return {
    ...(servers && { servers }),
    ...(tools && { tools: new Map(Object.entries(tools)) }),
    ...(resources && { resources: new Map(Object.entries(resources)) }),
    ...(prompts && { prompts: new Map(Object.entries(prompts)) }),
  };
}
