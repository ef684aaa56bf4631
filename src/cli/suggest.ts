import { readText } from "../config/mod.ts";
import { ConfigError, problemWithoutPosition } from "../errors.ts";
import { escapeLines } from "../text.ts";
import { agentFlag, defineCommand, FILE_FLAGS, type Output, textFlag } from "./command.ts";
import { UsageError } from "./error_report.ts";
import { SINCE_FLAG, withAuditFiles } from "./open_audit.ts";
import { openCatalogs } from "./open_catalogs.ts";
import { openConfiguration } from "./open_configuration.ts";
import { RememberedCatalogs } from "./remembered_catalogs.ts";
import { nameOfGroup } from "./replay_text.ts";
import type { ReplayFigures } from "./replay_tally.ts";
import { suggestRules } from "./suggest_rules.ts";
import { pluralize } from "./terminal.ts";

/** Maximum number of lines about operations that would be decided otherwise. */
const MAX_NOTES = 10;

export const command = defineCommand({
  about:
    "Prints the rules file with the narrowest rules for an agent that allow what was let through " +
    "according to the audit log. All other agents and settings stay as they are, and so do the " +
    "conditions on what was used. Nothing is written.",
  example: "agent-mcp-gateway suggest --agent researcher --since 7d > new-rules.json",
  flags: {
    agent: agentFlag("The agent whose rules are narrowed"),
    since: SINCE_FLAG,
    auditLog: textFlag("The audit log (GATEWAY_AUDIT_LOG)", { placeholder: "file" }),
    ...FILE_FLAGS,
  },
  async run({ flags, stdout, stderr }) {
    const { agent, since = -Infinity, auditLog, ...fileFlags } = flags;
    if (agent === undefined) throw new UsageError("Name an agent with --agent");
    const { configuration, files: { rules: rulesFile }, log } = await openConfiguration(
      fileFlags,
      { startsServers: false },
    );
    const content = readText(rulesFile.path);
    const file = rulesFile.displayPath;
    if ("failure" in content) {
      throw new ConfigError([problemWithoutPosition(content.failure, { file })]);
    }
    const catalogs = new RememberedCatalogs(configuration, openCatalogs(log));
    const options = {
      agent,
      since,
      configuration,
      content: { file, text: content.text },
      catalogs,
    };
    await withAuditFiles(auditLog, {
      stderr,
      use: async (logFiles) => {
        const { text, count, figures } = await suggestRules(logFiles, options);
        stdout.write(text.endsWith("\n") ? text : `${text}\n`);
        stderr.write(
          `Narrowed the rules of agent "${agent}" to ${pluralize(count, "operation")}\n`,
        );
        printNotes(figures, stderr);
      },
    });
    return 0;
  },
});

/** Prints the operations that the suggested rules decide otherwise than they were decided. */
function printNotes({ changes, depending }: ReplayFigures, stderr: Output): void {
  const lines = changes.slice(0, MAX_NOTES).map((group) => {
    const { count, from, to, rule } = group;
    return `  ${nameOfGroup(group)}: ${from} to ${to} by ${rule} (${
      pluralize(count, "operation")
    })\n`;
  });
  if (lines.length > 0) {
    const hidden = changes.length > MAX_NOTES ? "  …\n" : "";
    stderr.write(
      "These operations would be decided otherwise: the rules changed while the log was written, or a name has " +
        "a wildcard of its own, or the log has only its beginning:\n" +
        escapeLines(lines.join("")) + hidden,
    );
  }
  if (depending > 0) {
    stderr.write(
      `${
        pluralize(depending, "operation")
      } may be decided otherwise: the decision depends on what ` +
        "the log does not have (agent-mcp-gateway replay lists them)\n",
    );
  }
}
