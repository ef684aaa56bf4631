import { ConfigError, DownstreamError } from "../errors.ts";
import type { Streams } from "./command.ts";
import { foldProblems } from "./fold_problems.ts";
import { REDACTED, redactProbableSecrets } from "../redact.ts";
import { escapeLines } from "../text.ts";

/** The command line is wrong; the message says what to change. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A command failed; the message is for the person who ran it. Exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** A signal ended a command early. Exit code 130, as shells report SIGINT. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/**
 * Runs a command, and prints the error if it fails.
 *
 * @returns The exit code.
 */
export async function withErrorReport(
  { stderr }: Pick<Streams, "stderr">,
  run: () => Promise<number>,
): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Interrupted) return 130;
    const report = (text: string, exitCode: number): number => {
      stderr.write(`${escapeLines(explainPermissions(text))}\n`);
      return exitCode;
    };
    if (error instanceof UsageError) return report(error.message, 2);
    if (
      error instanceof CommandError || error instanceof DownstreamError ||
      error instanceof Deno.errors.NotCapable
    ) {
      return report(error.message, 1);
    }
    if (!(error instanceof ConfigError)) return report(describeUnexpectedError(error), 1);
    const isFlag = error.problems.some(({ path }) => path.startsWith("--"));
    return report(foldProblems(error.problems).join("\n"), isFlag ? 2 : 1);
  }
}

/**
 * Describes an error that may be a bug: its message without probable secrets, and where it was thrown. The message is
 * cut after `://`, because any part of an address may be a secret.
 */
export function describeUnexpectedError(error: unknown): string {
  if (!(error instanceof Error)) return `Command failed, ${describeMessage(String(error))}`;
  const { name, message, stack = "" } = error;
  const frames = stack.split("\n").filter((line) =>
    STACK_FRAME.test(line) && !message.includes(line)
  );
  return [`Command failed, ${name}: ${describeMessage(message)}`, ...frames].join("\n");
}

/** A line of a stack trace. */
const STACK_FRAME = /^ {4}at .*(?::\d+:\d+\)?|\(<anonymous>\)|\(native\))$/;

function describeMessage(message: string): string {
  return redactProbableSecrets(message.replace(/(?<!\bfile)(:\/\/)[^]*/, `$1${REDACTED}`));
}

/** Matches Deno's message about a missing permission, as `deno run` or a compiled executable words it. */
const NOT_CAPABLE =
  /Requires (\w+) access(?: to (?:"([^"]+)"|[^,]+))?, (?:run again with the|specify the required permissions during compilation using `deno compile) (--allow-\w+)(?: flag|`)/g;

/** Replaces Deno's message about a missing permission by one that names the flag and where it is documented. */
function explainPermissions(text: string): string {
  return text.replaceAll(NOT_CAPABLE, (_all, kind, what, flag) => {
    const [target, value] = what === undefined ? ["", ""] : [` to ${what}`, `=${what}`];
    return `Deno does not permit ${kind} access${target}: add ${flag}${value} ` +
      '(docs/security.md, "Fewer permissions")';
  });
}
