import type { ArgumentTest, ToolEntry } from "../tool_entry.ts";
import { entriesOf, isObject, type JsonValue } from "./json_value.ts";
import { readInstant } from "./instant.ts";
import {
  type AgentRules,
  type ApprovalTimes,
  DEFAULT_EXPIRES_S,
  type EntryLists,
  type JwtOptions,
  type Limits,
  type Rules,
  type TokenHash,
} from "./rules.ts";
import type { RulesFile } from "./rules_schema.ts";

type AgentEntry = RulesFile["agents"][string];
type GrantsEntry = NonNullable<AgentEntry["allow"]>;
type ApprovalEntry = NonNullable<NonNullable<RulesFile["defaults"]>["approval"]>;
type LimitsEntry = NonNullable<AgentEntry["limits"]>;
type ToolFileEntry = NonNullable<GrantsEntry["tools"]>[string][number];
type TestEntry = NonNullable<Exclude<ToolFileEntry, string>["when"]>[string];
type TokenEntry = NonNullable<AgentEntry["token_sha256"]>[number];
type JwtEntry = NonNullable<NonNullable<RulesFile["auth"]>["jwt"]>;

/** Seconds for which a call waits for its approval by default. */
const DEFAULT_WAIT_S = 30;

/** Builds the rules from a checked rules file and fills in the defaults. */
export function buildRules({ agents, defaults, auth }: RulesFile): Rules {
  return {
    agents: new Map(
      entriesOf(agents).map(([id, agent]) => [id, buildAgent(agent, defaults?.mode)]),
    ),
    denyOnMissingAgent: defaults?.deny_on_missing_agent ?? true,
    denyOverrides: defaults?.deny_overrides ?? false,
    approval: buildApprovalTimes(defaults?.approval ?? {}),
    ...(defaults?.limits === undefined ? {} : { limits: buildLimits(defaults.limits) }),
    ...(auth?.jwt === undefined ? {} : { jwt: buildJwt(auth.jwt) }),
  };
}

function buildApprovalTimes(
  { expires_s: expiresS = DEFAULT_EXPIRES_S, wait_s: waitS = DEFAULT_WAIT_S }: ApprovalEntry,
): ApprovalTimes {
  return { expiresS, waitS: Math.min(waitS, expiresS) };
}

function buildAgent(
  { allow, deny, ask, mode, limits, status, token_sha256: tokens }: AgentEntry,
  defaultMode: AgentEntry["mode"],
): AgentRules {
  return {
    ...(allow === undefined ? {} : { allow: buildGrants(allow) }),
    ...(deny === undefined ? {} : { deny: buildGrants(deny) }),
    ...(ask === undefined ? {} : { ask: buildGrants(ask) }),
    ...((mode ?? defaultMode) === "shadow" ? { isShadowed: true } : {}),
    ...(limits === undefined ? {} : { limits: buildLimits(limits) }),
    status: status ?? false,
    tokens: (tokens ?? []).map(buildToken),
  };
}

function buildGrants({ servers, tools, resources, prompts }: GrantsEntry): EntryLists {
  return {
    ...(servers === undefined ? {} : { servers }),
    ...(tools === undefined ? {} : {
      tools: new Map(
        entriesOf(tools).map(([server, entries]) => [server, entries.map(buildEntry)]),
      ),
    }),
    ...(resources === undefined ? {} : { resources: new Map(entriesOf(resources)) }),
    ...(prompts === undefined ? {} : { prompts: new Map(entriesOf(prompts)) }),
  };
}

function buildEntry(entry: ToolFileEntry): ToolEntry {
  if (typeof entry === "string") return entry;
  const { tool, hint, when } = entry;
  return {
    tool,
    ...(hint === undefined ? {} : { hint }),
    ...(when === undefined ? {} : {
      when: new Map(entriesOf(when).map(([name, test]) => [name, buildTest(test)])),
    }),
  };
}

function buildTest(
  { one_of: oneOf, max_length: maxLength, min, max, exists, ...test }: TestEntry,
): ArgumentTest {
  const { like, ilike, within, host } = test;
  return {
    ...("equals" in test ? { equals: decodeKeys(test.equals ?? null) } : {}),
    ...(oneOf === undefined ? {} : { oneOf: oneOf.map(decodeKeys) }),
    ...(like === undefined ? {} : { like: toList(like) }),
    ...(ilike === undefined ? {} : { ilike: toList(ilike) }),
    ...(within === undefined ? {} : { within: toList(within) }),
    ...(host === undefined ? {} : { host: toList(host) }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(exists === undefined ? {} : { exists }),
  };
}

function toList(oneOrMore: string | readonly string[]): readonly string[] {
  return typeof oneOrMore === "string" ? [oneOrMore] : oneOrMore;
}

function decodeKeys(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(decodeKeys);
  if (!isObject(value)) return value;
  return Object.fromEntries(entriesOf(value).map(([key, member]) => [key, decodeKeys(member)]));
}

function buildLimits(
  { per_minute: perMinute, concurrent, max_result_tokens: maxResultTokens }: LimitsEntry,
): Limits {
  return {
    ...(perMinute === undefined ? {} : { perMinute }),
    ...(concurrent === undefined ? {} : { concurrent }),
    ...(maxResultTokens === undefined ? {} : { maxResultTokens }),
  };
}

function buildToken(token: TokenEntry): TokenHash {
  if (typeof token === "string") return { sha256: token.toLowerCase() };
  const expiresAtMs = token.expires === undefined ? undefined : readInstant(token.expires);
  return {
    sha256: token.sha256.toLowerCase(),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}

function buildJwt(
  { issuer, audience, jwks_url: jwksUrl, agent_claim: agentClaim }: JwtEntry,
): JwtOptions {
  return { issuer, audience, ...(jwksUrl === undefined ? {} : { jwksUrl }), agentClaim };
}
