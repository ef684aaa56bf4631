import { ConfigError, formatProblem } from "../errors.ts";
import { type ReadEntry, readEntry } from "./audit_entry.ts";
import { AuditCounter, type AuditFigures } from "./audit_figures.ts";
import { AuditFiles } from "./audit_files.ts";
import { FollowedLog } from "./audit_follow.ts";
import { auditPaths } from "./audit_path.ts";
import { entryText, figuresText } from "./audit_text.ts";

/** Flags of `audit stats`. */
export interface AuditFlags {
  /** Time of the oldest entry to show, in milliseconds since 1970. */
  readonly since?: number;
  /** Show only entries of this agent. */
  readonly agent?: string;
  /** Whether to print JSON. */
  readonly json: boolean;
}

/** Flags of `audit tail`. */
export interface TailFlags extends AuditFlags {
  /** Number of entries. */
  readonly lines: number;
  /** Whether to keep printing new entries. */
  readonly follow: boolean;
}

/** Streams that a command prints to; a closed pipe is fine. */
export interface Outputs {
  /** Receives the result. */
  readonly stdout: {
    /** Whether the reader has closed it. */
    readonly isClosed?: boolean;
    write(text: string): void;
  };
  /** Receives messages about the result. */
  readonly stderr: { write(text: string): void };
}

/** The audit log that a command reads. */
interface LogFile {
  /** Default: the file that the gateway writes. */
  readonly file?: string | undefined;
}

/**
 * Prints the figures of an audit log.
 *
 * @returns The exit code: 1 if there is no log.
 */
export function auditStats({ file, ...flags }: AuditFlags & LogFile, outputs: Outputs): number {
  return withFiles(file, outputs, (files) => {
    const { since = -Infinity, agent, json } = flags;
    const counter = new AuditCounter();
    for (const { entry } of files.entries(since)) {
      if (entry.time >= since && (agent === undefined || entry.agent === agent)) counter.add(entry);
    }
    const figures: AuditFigures = counter.figures();
    const { paths, damaged } = files;
    const text = json
      ? `${JSON.stringify({ files: paths.toReversed(), damaged_lines: damaged, ...figures })}\n`
      : figuresText(figures);
    outputs.stdout.write(text);
  });
}

/**
 * Prints the last entries of an audit log, the newest last.
 *
 * @returns The exit code: 1 if there is no log.
 */
export function auditTail({ file, ...flags }: TailFlags & LogFile, outputs: Outputs): number {
  return withFiles(file, outputs, (files) => {
    outputs.stdout.write(lastEntries(files, flags));
  });
}

/** Interval of the checks for new entries, in milliseconds. */
const FOLLOW_MS = 100;

/**
 * Prints the last entries of an audit log, then new ones until the process is ended or its standard
 * output is closed. Waits for the log if there is none yet.
 *
 * @returns The exit code: 1 if the log cannot be read.
 */
export async function followAudit(
  { file, ...flags }: TailFlags & LogFile,
  outputs: Outputs,
): Promise<number> {
  const { stdout, stderr } = outputs;
  let followed: FollowedLog | undefined;
  const code = withFiles(file, outputs, (files) => {
    stdout.write(lastEntries(files, flags, files.position.offset));
    followed = new FollowedLog(files.path, files.position);
  }, (path) => {
    stderr.write(`There is no audit log at ${path} yet; waiting for it\n`);
    followed = new FollowedLog(path);
  });
  if (followed === undefined) return code;
  using log = followed;
  while (stdout.isClosed !== true) {
    for (const text of log.lines()) {
      const entry = readEntry(text);
      const line = entry === undefined ? undefined : lineOf(entry, text, flags);
      if (line !== undefined) stdout.write(line);
    }
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
  }
  return 0;
}

/** The last entries, the newest last. */
function lastEntries(files: AuditFiles, flags: TailFlags, end?: number): string {
  const found: string[] = [];
  for (const { entry, text } of files.newestFirst(end)) {
    if (found.length >= flags.lines) break;
    const line = lineOf(entry, text, flags);
    if (line !== undefined) found.push(line);
  }
  return found.reverse().join("");
}

/** An entry as it is printed; `undefined` if the flags exclude it. */
function lineOf(entry: ReadEntry, text: string, flags: AuditFlags): string | undefined {
  const { since = -Infinity, agent, json } = flags;
  if (entry.time < since || (agent !== undefined && entry.agent !== agent)) return undefined;
  return json ? `${text}\n` : entryText(entry);
}

function withFiles(
  file: string | undefined,
  { stderr }: Outputs,
  use: (files: AuditFiles) => void,
  useNone?: (path: string) => void,
): number {
  try {
    const paths = auditPaths(file);
    using files = openFirst(paths);
    if (files === undefined) {
      const [path = ""] = paths;
      if (useNone === undefined) {
        throw new Error(`There is no audit log at ${paths.join(" or ")}; name its file`);
      }
      useNone(path);
      return 0;
    }
    stderr.write(`Audit log: ${files.paths.toReversed().join(", ")}\n`);
    for (const path of paths) {
      if (path === files.path || !isThere(path)) continue;
      stderr.write(
        `There is another audit log at ${path}, written while this one could not be; to read it, name its file\n`,
      );
    }
    use(files);
    if (files.damaged > 0) stderr.write(`Skipped ${files.damaged} damaged line(s)\n`);
    return 0;
  } catch (error) {
    if (error instanceof ConfigError) {
      stderr.write(`${error.problems.map(formatProblem).join("\n")}\n`);
    } else {
      stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    }
    return 1;
  }
}

function openFirst(paths: readonly string[]): AuditFiles | undefined {
  for (const path of paths) {
    try {
      return new AuditFiles(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        continue;
      }
      throw new Error(`Cannot read the audit log ${path}: ${reasonOf(error)}`, { cause: error });
    }
  }
  return undefined;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
