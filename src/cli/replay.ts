import { agentFlag, defineCommand, FILE_FLAGS, JSON_FLAG, textFlag } from "./command.ts";
import { SINCE_FLAG, withAuditFiles } from "./open_audit.ts";
import { openCatalogs } from "./open_catalogs.ts";
import { openConfiguration } from "./open_configuration.ts";
import { readOperations } from "./recorded_operation.ts";
import { Redecider } from "./redecide.ts";
import { RememberedCatalogs } from "./remembered_catalogs.ts";
import { replayText } from "./replay_text.ts";
import { ReplayTally } from "./replay_tally.ts";
import { jsonOutput } from "./terminal.ts";
import { OWN_SERVER } from "../own_server.ts";

/** The exit code if an operation would be decided otherwise. */
const EXIT_CHANGES = 3;

export const command = defineCommand({
  about: "Decides the operations of the audit log again, and shows those that the rules would " +
    "decide otherwise now. An operation whose arguments are not in the log is counted " +
    "separately if the decision depends on them. Exit code: 3 if a decision would change.",
  example: "agent-mcp-gateway replay --since 7d --rules ./new-rules.json",
  flags: {
    since: SINCE_FLAG,
    agent: agentFlag("Only operations of this agent"),
    auditLog: textFlag("The audit log (GATEWAY_AUDIT_LOG)", { placeholder: "file" }),
    json: JSON_FLAG,
    ...FILE_FLAGS,
  },
  async run({ flags, stdout, stderr }) {
    const { since = -Infinity, agent, auditLog, json, ...fileFlags } = flags;
    const { configuration, log } = await openConfiguration(fileFlags, { startsServers: false });
    const { servers } = configuration;
    const catalogs = new RememberedCatalogs(configuration, openCatalogs(log));
    const redecider = new Redecider(configuration, catalogs);
    const tally = new ReplayTally();
    const isConfigured = (server: string): boolean => server === OWN_SERVER || servers.has(server);
    let logFields = {};
    await withAuditFiles(auditLog, {
      stderr,
      use: async (files) => {
        for (const operation of readOperations(files, { since, agent, isConfigured })) {
          if (operation === undefined) tally.addUndecided();
          else tally.add(operation, await redecider.decide(operation));
        }
        logFields = { files: files.paths, damaged_lines: files.damagedLines };
      },
    });
    const figures = tally.figures();
    stdout.write(
      json ? jsonOutput(JSON.stringify({ ...logFields, ...figures })) : replayText(figures),
    );
    return figures.changes.length === 0 ? 0 : EXIT_CHANGES;
  },
});
