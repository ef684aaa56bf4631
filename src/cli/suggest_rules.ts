import { type Configuration, type Rules, suggestCorrection } from "../config/mod.ts";
import { replaceGrants } from "../config/editing/mod.ts";
import { AuditTrailFiles } from "./audit_trail_files.ts";
import { CommandError } from "./error_report.ts";
import { readOperations, type RecordedOptions } from "./recorded_operation.ts";
import { Redecider } from "./redecide.ts";
import type { RememberedCatalogs } from "./remembered_catalogs.ts";
import { type ReplayFigures, ReplayTally } from "./replay_tally.ts";
import { suggestGrants } from "./suggested_grants.ts";
import { Usage } from "./used_items.ts";
import { OWN_SERVER } from "../own_server.ts";

/** Options of `suggestRules`. */
export interface SuggestRulesOptions {
  readonly agent: string;
  /** Only operations since this time, in milliseconds since 1970. */
  readonly since: number;
  readonly configuration: Pick<Configuration, "rules" | "servers">;
  /** The rules file: its name, for messages, and its text. */
  readonly content: { readonly file: string; readonly text: string };
  readonly catalogs: RememberedCatalogs;
}

/** A rules file that is narrower for one agent. */
export interface SuggestedRules {
  readonly text: string;
  /** Number of operations that the rules are narrowed to. */
  readonly count: number;
  /** The decisions of these rules about the log. */
  readonly figures: ReplayFigures;
}

/**
 * Narrows the rules of an agent to its operations in a log, and decides these operations again by the new rules.
 *
 * @throws {CommandError} if the log has nothing that the agent has done, or too much.
 */
export async function suggestRules(
  files: AuditTrailFiles,
  { agent, since, configuration, content, catalogs }: SuggestRulesOptions,
): Promise<SuggestedRules> {
  const { rules, servers } = configuration;
  const selection = {
    since,
    agent,
    isConfigured: (server: string) => server === OWN_SERVER || servers.has(server),
  };
  const usage = findUsage(files, selection, rules);
  const toolsWithoutConditions = new Set<string>();
  const suggest = async (): Promise<SuggestedRules> => {
    const dropsConditions = (server: string, tool: string): boolean =>
      toolsWithoutConditions.has(JSON.stringify([server, tool]));
    const grants = suggestGrants(usage, { agent, rules, dropsConditions });
    const { text, rules: suggestedRules } = replaceGrants(content, { agent, ...grants });
    const redecider = new Redecider({ rules: suggestedRules, servers }, catalogs);
    const tally = new ReplayTally();
    using reopenedFiles = new AuditTrailFiles(files.path);
    for (const operation of readOperations(reopenedFiles, selection)) {
      if (operation !== undefined) tally.add(operation, await redecider.decide(operation));
    }
    return { text, count: usage.count, figures: tally.figures() };
  };
  const suggestion = await suggest();
  for (const { from, to, server, tool } of suggestion.figures.changes) {
    // Earlier rules let the call through, but the present conditions do not allow it.
    if (tool === undefined || from === "deny" || to === "allow") continue;
    toolsWithoutConditions.add(JSON.stringify([server, tool]));
  }
  return toolsWithoutConditions.size === 0 ? suggestion : await suggest();
}

function findUsage(
  files: AuditTrailFiles,
  selection: RecordedOptions & { readonly agent: string },
  { agents }: Rules,
): Usage {
  const usage = new Usage();
  for (const operation of readOperations(files, selection)) {
    if (operation !== undefined) usage.add(operation);
  }
  const { agent } = selection;
  if (usage.isTooLarge) {
    throw new CommandError(
      `Agent "${agent}" has used more than 10,000 names: choose a shorter time with --since`,
    );
  }
  if (usage.count === 0) {
    const hint = agents.has(agent) ? "" : suggestCorrection(agent, agents.keys());
    throw new CommandError(
      `The audit log has no operation of agent "${agent}" that was let through: choose a longer ` +
        `time with --since, or let the agent work in shadow mode first${hint}`,
    );
  }
  return usage;
}
