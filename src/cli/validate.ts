import { expandHome, homeFolder, readText, resolvePath, type SettingFlags } from "../config/mod.ts";
import { detectFileKind } from "../config/texts/mod.ts";
import { ConfigError, type ConfigProblem } from "../errors.ts";
import { foldProblems } from "./fold_problems.ts";
import {
  type FileFlags,
  type OpenContext,
  type ReadConfiguration,
  readConfiguration,
  UsageError,
} from "./open_configuration.ts";
import { cleanText, counted, type Outputs, styleOf } from "./terminal.ts";
import { wrapText } from "./wrap.ts";

/** The flags of `validate`. */
export interface ValidateFlags extends FileFlags {
  /** Whether the answer is JSON. */
  readonly json: boolean;
  /** Whether a warning fails, too. */
  readonly strict: boolean;
}

/**
 * Tells everything that is wrong and odd in the two files.
 *
 * @param flags As typed.
 * @param named Files to check in place of those that would be found, recognised by what stands in
 * them: one or both. The other one is found as ever, and may be missing.
 * @param outputs Where to print.
 * @param surroundings Where variables come from; default: the process.
 * @returns The exit code: 1 on errors, with `--strict` on warnings too, 2 where a flag cannot be used.
 */
export async function validate(
  flags: ValidateFlags,
  named: readonly string[],
  { stdout, stderr }: Outputs,
  surroundings: OpenContext = { env: Deno.env, cwd: Deno.cwd() },
): Promise<number> {
  let found: Problems;
  try {
    found = await check(flags, named, surroundings);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    stderr.write(`${cleanText(error.message)}\n`);
    return 2;
  }
  const { errors, warnings } = found;
  const { columns } = styleOf(Deno.stdout);
  stdout.write(
    flags.json ? `${JSON.stringify({ errors, warnings })}\n` : [
      ...foldProblems(errors).map((line) => wrapText(`error ${line}\n`, columns)),
      ...foldProblems(warnings).map((line) => wrapText(`warning ${line}\n`, columns)),
    ].join(""),
  );
  stderr.write(`${summarize(found)}\n`);
  if (errors.some(({ path }) => path.startsWith("--"))) return 2;
  return errors.length > 0 || (flags.strict && warnings.length > 0) ? 1 : 0;
}

interface Problems {
  readonly read?: ReadConfiguration;
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

async function check(
  { mcpConfig, rules }: FileFlags,
  named: readonly string[],
  surroundings: OpenContext,
): Promise<Problems> {
  const sorted = sortFiles({ mcpConfig, rules }, named, surroundings);
  if ("errors" in sorted) return { errors: sorted.errors, warnings: [] };
  try {
    const read = await readConfiguration(sorted.flags, surroundings);
    const { mcpConfig, rules } = read.files;
    // Whoever names one file wants to know of that one.
    const missing = named.length === 1
      ? [mcpConfig, rules].filter(({ origin }) => origin === "missing").map(({ shown }) => shown)
      : [];
    const errors = read.errors.filter(({ file }) => !missing.includes(file));
    return { read, errors, warnings: read.warnings };
  } catch (error) {
    if (error instanceof ConfigError) return { errors: error.problems, warnings: [] };
    throw error;
  }
}

/** Finds out which of the two each named file is. */
function sortFiles(
  flags: SettingFlags,
  named: readonly string[],
  { env, cwd }: OpenContext,
): { readonly flags: SettingFlags } | { readonly errors: readonly ConfigProblem[] } {
  const given: { mcpConfig?: SettingFlags["rules"]; rules?: SettingFlags["rules"] } = { ...flags };
  const errors: ConfigProblem[] = [];
  for (const file of named) {
    const report = (message: string) =>
      errors.push({ file, line: 0, column: 0, path: "", message });
    const read = readText(resolvePath(cwd, expandHome(file, homeFolder(env))));
    if ("failure" in read) {
      report(read.failure);
      continue;
    }
    const kind = detectFileKind(read.text);
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
    if (given[key] !== undefined) {
      throw new UsageError(
        `${file} is a ${kind} file, but you already named ${
          given[key]
        } as one: remove one of them ` +
          `(${flag} also names the ${kind} file)`,
      );
    }
    given[key] = file;
  }
  return errors.length > 0 ? { errors } : { flags: given };
}

function summarize({ read, errors, warnings }: Problems): string {
  const { configuration, files } = read ?? {};
  const odd = warnings.length === 0 ? "" : `, ${counted(warnings.length, "warning")}`;
  if (files !== undefined && configuration === undefined && errors.length === 0) {
    const [one, other] = files.rules.origin === "missing"
      ? [files.mcpConfig, files.rules]
      : [files.rules, files.mcpConfig];
    return `${one.shown}: no errors${odd}; checked alone, because ${other.shown} was not found`;
  }
  if (files === undefined || configuration === undefined) {
    return `${counted(errors.length, "error")}${odd}`;
  }
  const { servers, rules } = configuration;
  return `${files.mcpConfig.shown}: ${counted(servers.size, "server")}; ` +
    `${files.rules.shown}: ${counted(rules.agents.size, "agent")}; no errors${odd}`;
}
