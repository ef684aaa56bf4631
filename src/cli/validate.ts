import { ConfigError, type ConfigProblem, formatProblem } from "../errors.ts";
import {
  type FileFlags,
  type Read,
  readConfiguration,
  type Surroundings,
} from "./open_configuration.ts";
import { counted, type Outputs } from "./outputs.ts";

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
 * @param outputs Where to print.
 * @param surroundings Where variables come from; default: the process.
 * @returns The exit code: 1 on errors, with `--strict` on warnings too, 2 where a flag cannot be used.
 */
export async function validate(
  flags: ValidateFlags,
  { stdout, stderr }: Outputs,
  surroundings?: Surroundings,
): Promise<number> {
  const { read, errors, warnings } = await check(flags, surroundings);
  stdout.write(
    flags.json ? `${JSON.stringify({ errors, warnings })}\n` : [
      ...errors.map((problem) => `error ${formatProblem(problem)}\n`),
      ...warnings.map((problem) => `warning ${formatProblem(problem)}\n`),
    ].join(""),
  );
  stderr.write(`${summarize(read, errors.length, warnings.length)}\n`);
  if (errors.some(({ path }) => path.startsWith("--"))) return 2;
  return errors.length > 0 || (flags.strict && warnings.length > 0) ? 1 : 0;
}

interface Problems {
  readonly read?: Read;
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

async function check(flags: FileFlags, surroundings?: Surroundings): Promise<Problems> {
  const { mcpConfig, rules } = flags;
  try {
    const read = await readConfiguration({ mcpConfig, rules }, surroundings);
    return { read, errors: read.errors, warnings: read.warnings };
  } catch (error) {
    if (error instanceof ConfigError) return { errors: error.problems, warnings: [] };
    throw error;
  }
}

function summarize(read: Read | undefined, errors: number, warnings: number): string {
  const { configuration, files } = read ?? {};
  const odd = warnings === 0 ? "" : `, ${counted(warnings, "warning")}`;
  if (files === undefined || configuration === undefined) {
    return `${counted(errors, "error")}${odd}`;
  }
  const { servers, rules } = configuration;
  return `${files.mcpConfig.shown}: ${counted(servers.size, "server")}; ` +
    `${files.rules.shown}: ${counted(rules.agents.size, "agent")}; no errors${odd}`;
}
