import { DEFAULT_AUDIT_LOG } from "../e2e/setup.ts";
import { createAuditLine } from "./run_audit_commands.ts";

/** Path of the log of refusals, relative to the working folder. */
export const REFUSED_LOG: string = DEFAULT_AUDIT_LOG.replace(/\.jsonl$/, ".refused.jsonl");

/** Creates a line about a call of `files`, as the gateway writes it; `ALLOW` by the server's entry by default. */
export function createCallLine(
  tool: string,
  members: Readonly<Record<string, unknown>> = {},
): string {
  const rule = "agents.keeper.allow.servers[0]";
  return createAuditLine({ agent_id: "keeper", tool, rule, ...members });
}

/** Creates a line about a call that rules have denied. */
export function createDenialLine(
  tool: string,
  members: Readonly<Record<string, unknown>> = {},
): string {
  const rule = "agents.keeper.deny.tools.files[0]";
  return createCallLine(tool, { decision: "DENY", code: "DENIED_BY_POLICY", rule, ...members });
}

/** Creates a line about a resource. */
export function createResourceLine(
  uri: string,
  members: Readonly<Record<string, unknown>> = {},
): string {
  return createCallLine("", { operation: "resources/read", tool: undefined, uri, ...members });
}
