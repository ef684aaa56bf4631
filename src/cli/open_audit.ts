import { isFile } from "../file_identity.ts";
import { auditPaths } from "./audit_path.ts";
import { AuditTrailFiles } from "./audit_trail_files.ts";
import { type Output, type Parameter, parsedFlag } from "./command.ts";
import { CommandError } from "./error_report.ts";
import { readSince } from "./times.ts";

/** The flag for the time of the oldest operation, in milliseconds since 1970. */
export const SINCE_FLAG: Parameter<number | undefined> = parsedFlag(
  "Only newer operations: 30m, 1h, 2d, or an ISO 8601 date",
  { parse: (text) => readSince(text) },
);

/** Options of `withAuditFiles`. */
export interface OpenAuditOptions {
  readonly stderr: Output;
  /** Receives the open log. */
  readonly use: (files: AuditTrailFiles) => unknown;
  /** Called if there is no log, with the path of the configured one; default: an error. */
  readonly onMissing?: (path: string) => void;
}

/**
 * Opens an audit log, prints its paths, passes it to `use`, and closes it.
 *
 * @param file The log that the command line names; default: the one that the gateway writes.
 * @throws {CommandError} if there is no log, or it cannot be read.
 */
export async function withAuditFiles(
  file: string | undefined,
  { stderr, use, onMissing }: OpenAuditOptions,
): Promise<void> {
  const paths = auditPaths(file);
  using files = openFirstExisting(paths);
  if (files === undefined) {
    const [path = ""] = paths;
    if (onMissing !== undefined) return onMissing(path);
    throw new CommandError(
      `There is no audit log at ${paths.join(" or ")}: no call has been recorded there yet; ` +
        "if the log is elsewhere, name its file",
    );
  }
  stderr.write(`Audit log: ${files.paths.join(", ")}\n`);
  for (const path of paths) {
    if (path === files.path || !isFile(path)) continue;
    stderr.write(
      `There is another audit log at ${path}, which the gateway wrote while it could not write this one; to read it, name its file\n`,
    );
  }
  await use(files);
  if (files.damagedLines > 0) stderr.write(`Skipped ${files.damagedLines} damaged line(s)\n`);
}

function openFirstExisting(paths: readonly string[]): AuditTrailFiles | undefined {
  for (const path of paths) {
    try {
      return new AuditTrailFiles(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        continue;
      }
      const reason = error instanceof Error ? error.message : String(error);
      throw new CommandError(`Cannot read the audit log ${path}: ${reason}`, { cause: error });
    }
  }
  return undefined;
}
