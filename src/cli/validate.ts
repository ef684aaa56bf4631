import {
  describeMistrust,
  expandHome,
  getHomeFolder,
  readText,
  resolvePath,
  type SettingFlags,
  trustFileFor,
} from "../config/mod.ts";
import { createProblemFactory, detectFileKind } from "../config/editing/mod.ts";
import { ConfigError, type ConfigProblem, problemWithoutPosition } from "../errors.ts";
import {
  argument,
  type CommandInput,
  defineCommand,
  FILE_FLAGS,
  repeated,
  switchFlag,
} from "./command.ts";
import { UsageError } from "./error_report.ts";
import { foldProblems } from "./fold_problems.ts";
import { createLog } from "../log.ts";
import { openCatalogs } from "./open_catalogs.ts";
import { RememberedCatalogs } from "./remembered_catalogs.ts";
import { findUnmatchedRemembered } from "./unmatched_rules.ts";
import {
  type CheckedConfiguration,
  type OpenContext,
  readConfiguration,
} from "./open_configuration.ts";
import { escapeControls } from "../text.ts";
import { jsonOutput, pluralize, styleOf } from "./terminal.ts";
import { warnItems } from "./warn_items.ts";
import { wrapText } from "./wrap.ts";

const FLAGS = {
  json: switchFlag("Print {errors, warnings}, each with file, line, column, path"),
  strict: switchFlag("Exit with 1 on warnings, too"),
  ...FILE_FLAGS,
};

const ARGS = repeated(argument("Check this file", { placeholder: "file" }), 2);

export const command = defineCommand({
  about: "Reports every error and warning in the servers file and the rules file, with " +
    "file, line and column. Also warns of servers whose remembered tools are held back or may hide something. A FILE is checked instead of the one that the gateway would find; " +
    "its contents show which of the two it is. Exit code: 1 on errors, and with --strict on warnings.",
  example: "agent-mcp-gateway validate --strict ./new-rules.json",
  flags: FLAGS,
  args: ARGS,
  run: (invocation) => validate(invocation),
});

/**
 * Checks the servers file and the rules file. A file on the command line replaces the one that the
 * gateway would find; the other file may then be missing.
 *
 * @returns The exit code: 1 on errors, with `--strict` on warnings too, 2 if a flag cannot be used.
 */
export async function validate(
  { flags, args, stdout, stderr }: CommandInput<typeof FLAGS, typeof ARGS>,
  context: OpenContext = { env: Deno.env, cwd: Deno.cwd() },
): Promise<number> {
  const problems = await checkFiles(flags, args, context);
  const { errors, warnings } = problems;
  const { columns } = styleOf(Deno.stdout);
  stdout.write(
    flags.json ? jsonOutput(JSON.stringify({ errors, warnings })) : [
      ...foldProblems(errors).map((line) => wrapText(`error ${escapeControls(line)}\n`, columns)),
      ...foldProblems(warnings).map((line) =>
        wrapText(`warning ${escapeControls(line)}\n`, columns)
      ),
    ].join(""),
  );
  stderr.write(`${summarize(problems)}\n`);
  if (errors.some(({ path }) => path.startsWith("--"))) return 2;
  return errors.length > 0 || (flags.strict && warnings.length > 0) ? 1 : 0;
}

interface Problems {
  /** Absent if the files could not be identified or found. */
  readonly result?: CheckedConfiguration;
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

async function checkFiles(
  { mcpConfig, rules }: SettingFlags,
  paths: readonly string[],
  context: OpenContext,
): Promise<Problems> {
  const namedFiles = identifyFiles({ mcpConfig, rules }, paths, context);
  if ("errors" in namedFiles) return { errors: namedFiles.errors, warnings: [] };
  try {
    const result = await readConfiguration(namedFiles.flags, context);
    const { mcpConfig, rules } = result.files;
    // If only one file is named, the other one need not exist.
    const isOptional = (file: string) =>
      paths.length === 1 && [mcpConfig, rules].some(({ origin, displayPath }) => {
        return origin === "missing" && displayPath === file;
      });
    const errors = result.errors.filter(({ file }) => !isOptional(file));
    const warnings = [
      ...result.warnings,
      ...await warnRemembered(result, context),
      ...await warnUntrusted(result, context),
    ];
    return { result, errors, warnings };
  } catch (error) {
    if (error instanceof ConfigError) return { errors: error.problems, warnings: [] };
    throw error;
  }
}

/** Warns of remembered items that are held back or may hide something, and of entries of the rules that match no item. */
async function warnRemembered(
  { configuration, files: { mcpConfig, rules } }: CheckedConfiguration,
  context: OpenContext,
): Promise<ConfigProblem[]> {
  if (configuration === undefined) return [];
  const store = openCatalogs(createLog({ level: "error" }), context);
  const catalogs = new RememberedCatalogs(configuration, store);
  const content = readText(rules.path);
  const file = rules.displayPath;
  const unmatchedEntries = "failure" in content
    ? []
    : await findUnmatchedRemembered(configuration, {
      catalogs,
      file,
      createProblem: createProblemFactory({ file, text: content.text }),
    });
  return [
    ...unmatchedEntries,
    ...await warnItems(configuration, { catalogs, file: mcpConfig.displayPath }),
  ];
}

async function warnUntrusted(
  { files: { mcpConfig, rules }, settings }: CheckedConfiguration,
  { env }: OpenContext,
): Promise<ConfigProblem[]> {
  const trustFile = trustFileFor(settings, env);
  if (trustFile === undefined) return [];
  const warnings: ConfigProblem[] = [];
  for (const { origin, path, displayPath } of [mcpConfig, rules]) {
    if (origin !== "working-folder") continue;
    const content = readText(path);
    // An unreadable file is an error already.
    if ("failure" in content) continue;
    const message = await describeMistrust(path, { text: content.text, trustFile });
    if (message !== undefined) {
      warnings.push(problemWithoutPosition(message, { file: displayPath }));
    }
  }
  return warnings;
}

/** Determines from its contents which of the two files each path names. */
function identifyFiles(
  flags: SettingFlags,
  paths: readonly string[],
  { env, cwd }: OpenContext,
): { readonly flags: SettingFlags } | { readonly errors: readonly ConfigProblem[] } {
  let fileFlags = flags;
  const errors: ConfigProblem[] = [];
  for (const file of paths) {
    const report = (message: string) => errors.push(problemWithoutPosition(message, { file }));
    const content = readText(resolvePath(cwd, expandHome(file, getHomeFolder(env))));
    if ("failure" in content) {
      report(content.failure);
      continue;
    }
    const kind = detectFileKind(content.text);
    if (kind === undefined) {
      report(
        'it contains neither "mcpServers" nor "agents", so it could be either file: name it with ' +
          "--mcp-config or --rules",
      );
      continue;
    }
    const [key, flag] = kind === "servers"
      ? ["mcpConfig", "--mcp-config"] as const
      : ["rules", "--rules"] as const;
    if (fileFlags[key] !== undefined) {
      throw new UsageError(
        `${file} is a ${kind} file, but you already named ${fileFlags[key]} as one: remove one ` +
          `of them (${flag} also names the ${kind} file)`,
      );
    }
    fileFlags = { ...fileFlags, [key]: file };
  }
  return errors.length > 0 ? { errors } : { flags: fileFlags };
}

function summarize({ result, errors, warnings }: Problems): string {
  const { configuration, files } = result ?? {};
  const warningCount = warnings.length === 0 ? "" : `, ${pluralize(warnings.length, "warning")}`;
  if (files !== undefined && configuration === undefined && errors.length === 0) {
    const [foundFile, missingFile] = files.rules.origin === "missing"
      ? [files.mcpConfig, files.rules]
      : [files.rules, files.mcpConfig];
    return `${foundFile.displayPath}: no errors${warningCount}; checked alone, because ${missingFile.displayPath} was not found`;
  }
  if (files === undefined || configuration === undefined) {
    return `${pluralize(errors.length, "error")}${warningCount}`;
  }
  const { servers, rules } = configuration;
  const serverCount = `${files.mcpConfig.displayPath}: ${pluralize(servers.size, "server")}`;
  const agentCount = `${files.rules.displayPath}: ${pluralize(rules.agents.size, "agent")}`;
  return `${serverCount}; ${agentCount}; no errors${warningCount}`;
}
