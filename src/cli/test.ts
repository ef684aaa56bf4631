import {
  expandHome,
  folderOf,
  getHomeFolder,
  readText,
  resolvePath,
  type Rules,
} from "../config/mod.ts";
import { type PolicyCase, readCases } from "../config/editing/mod.ts";
import { formatProblem } from "../errors.ts";
import { formatPath } from "../json.ts";
import { compileRules } from "../gateway/mod.ts";
import { escapeLines } from "../text.ts";
import { checkCase, type Difference } from "./check_case.ts";
import { argument, defineCommand, FILE_FLAGS, JSON_FLAG, optional, switchFlag } from "./command.ts";
import { CommandError } from "./error_report.ts";
import { openCatalogs } from "./open_catalogs.ts";
import { openConfiguration } from "./open_configuration.ts";
import { RememberedCatalogs } from "./remembered_catalogs.ts";
import { listEntries, patternOf, type RuleEntry } from "./rule_entries.ts";
import { jsonOutput, pluralize } from "./terminal.ts";
import { findUnknownNames } from "./unknown_names.ts";
import { withOwnServer } from "./with_own_server.ts";

/** Name of the file of cases beside the rules file. */
const CASES_FILE = ".mcp-gateway-tests.json";

export const command = defineCommand({
  about:
    "Decides cases, and reports each that the rules decide otherwise than it expects. A case is " +
    `an agent, a server, a tool, its arguments and the expected decision. FILE is ${CASES_FILE} ` +
    "beside the rules file by default. No server is started: annotations are those that are remembered. " +
    "Exit code: 1 if a decision differs.",
  example: "agent-mcp-gateway test --rules ./new-rules.json --coverage",
  flags: {
    coverage: switchFlag("List the entries of the rules that decided nothing, too"),
    json: JSON_FLAG,
    ...FILE_FLAGS,
  },
  args: [optional(argument("The file of cases", { placeholder: "file" }))],
  async run({ flags: { coverage, json, ...fileFlags }, args: [file], stdout, stderr }) {
    const opened = withOwnServer(await openConfiguration(fileFlags, { startsServers: false }));
    const { configuration, files: { rules: rulesFile }, log } = opened;
    const cases = openCases(file, rulesFile.path);
    const policy = compileRules(configuration);
    const catalogs = new RememberedCatalogs(configuration, openCatalogs(log));
    const differences: Difference[] = [];
    const warnings: string[] = [];
    const decidingRules = new Set<string>();
    for (const policyCase of cases) {
      const { difference, rules } = await checkCase(policyCase, { policy, catalogs });
      if (difference !== undefined) differences.push(difference);
      for (const rule of rules) decidingRules.add(rule);
      for (const warning of await findUnknownNames(policyCase, { configuration, catalogs })) {
        warnings.push(formatProblem(policyCase.createProblem(warning)));
      }
    }
    const unusedEntries = coverage
      ? findUnusedEntries(configuration.rules, decidingRules)
      : undefined;
    const passed = cases.length - differences.length;
    for (const warning of warnings) stderr.write(`${escapeLines(`Warning: ${warning}`)}\n`);
    if (json) {
      const answer = {
        cases: cases.length,
        passed,
        differences,
        warnings,
        ...(unusedEntries !== undefined &&
          { decided_nothing: unusedEntries.map(({ path }) => path) }),
      };
      stdout.write(jsonOutput(JSON.stringify(answer)));
    } else {
      const lines = differences.map(differenceText);
      if (unusedEntries !== undefined) {
        lines.push(
          unusedEntries.length === 0
            ? "Every entry of the rules decided a case\n"
            : `Entries of the rules that decided nothing:\n${
              unusedEntries.map(({ path, entry }) => `  ${path}: ${entryText(entry)}\n`).join("")
            }`,
        );
      }
      stdout.write(escapeLines(lines.join("\n")));
    }
    const failedText = differences.length === 0 ? "" : `, ${differences.length} decided otherwise`;
    stderr.write(`${pluralize(cases.length, "case")}: ${passed} as expected${failedText}\n`);
    return differences.length === 0 ? 0 : 1;
  },
});

/** Returns the entries of the rules that decided no case, with their printed paths. */
function findUnusedEntries(
  rules: Rules,
  decidingRules: ReadonlySet<string>,
): { readonly path: string; readonly entry: RuleEntry["entry"] }[] {
  return [...rules.agents.keys()].flatMap((agent) => listEntries(rules, agent))
    .map(({ path, entry }) => ({ path: formatPath(path), entry }))
    .filter(({ path }) => !decidingRules.has(path));
}

function entryText(entry: RuleEntry["entry"]): string {
  const name = JSON.stringify(patternOf(entry));
  return typeof entry === "string" ? name : `${name} under conditions`;
}

/**
 * Reads the file that the command line names, or the one beside the rules file.
 *
 * @throws {ConfigError} if it has errors.
 */
function openCases(file: string | undefined, rulesPath: string): PolicyCase[] {
  const casesPath = file ?? resolvePath(folderOf(rulesPath), CASES_FILE);
  const content = readText(resolvePath(Deno.cwd(), expandHome(casesPath, getHomeFolder(Deno.env))));
  if ("text" in content) return readCases({ file: casesPath, text: content.text });
  const example = '{"cases": [{"agent": "researcher", "server": "files", "tool": "write_file", ' +
    '"expect": "deny"}]}';
  throw new CommandError(
    `${casesPath}: ${content.failure}; write a file of cases, such as ${example}, or name another one`,
  );
}

function differenceText({ problem, expected, decided, to_pass }: Difference): string {
  return `${formatProblem(problem)}\n  expected ${expected}\n  decided ${decided}\n` +
    `  to pass: ${to_pass}\n`;
}
