import { ConfigError, formatProblem } from "../errors.ts";
import { type ReadEntry, readEntry } from "./audit_entry.ts";
import { AuditCounter, type AuditFigures } from "./audit_figures.ts";
import { AuditFiles } from "./audit_files.ts";
import { FollowedLog } from "./audit_follow.ts";
import { auditPaths } from "./audit_path.ts";
import { entryText, figuresText } from "./audit_text.ts";

/** Which entries of the audit log are wanted, and how they are shown. */
export interface AuditFlags {
  /** Only entries from then on, in milliseconds since 1970. */
  readonly since?: number;
  /** Only entries of this agent. */
  readonly agent?: string;
  /** Whether the answer is JSON. */
  readonly json: boolean;
}

/** The flags of `audit tail`. */
export interface TailFlags extends AuditFlags {
  /** How many entries. */
  readonly lines: number;
  /** Whether to keep printing new entries. */
  readonly follow: boolean;
}

/** Where a command says something; a closed pipe is fine. */
export interface Outputs {
  /** Takes the answer. */
  readonly stdout: {
    /** Whether the reader has closed it. */
    readonly isClosed?: boolean;
    write(text: string): void;
  };
  /** Takes what is about the answer. */
  readonly stderr: { write(text: string): void };
}

/**
 * Prints the figures of an audit log.
 *
 * @param flags As typed.
 * @param file The log; default: where the gateway writes it.
 * @param outputs Where to print.
 * @returns The exit code: 1 where there is no log.
 */
export function auditStats(flags: AuditFlags, file: string | undefined, outputs: Outputs): number {
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
 * Prints the last entries of an audit log, the youngest last.
 *
 * @param flags As typed.
 * @param file The log; default: where the gateway writes it.
 * @param outputs Where to print.
 * @returns The exit code: 1 where there is no log.
 */
export function auditTail(flags: TailFlags, file: string | undefined, outputs: Outputs): number {
  return withFiles(file, outputs, (files) => {
    outputs.stdout.write(lastEntries(files, flags));
  });
}

/** How often to check for new entries, in milliseconds. */
const FOLLOW_MS = 100;

/**
 * Prints the last entries of an audit log, and then those that come, until the process is ended or
 * its standard output is closed. No log yet: waits for it.
 *
 * @param flags As typed.
 * @param file The log; default: where the gateway writes it.
 * @param outputs Where to print.
 * @returns The exit code: 1 where the log cannot be read.
 */
export async function followAudit(
  flags: TailFlags,
  file: string | undefined,
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

/** The last entries, the youngest last. */
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
    const places = auditPaths(file);
    using files = openFirst(places);
    if (files === undefined) {
      const [path = ""] = places;
      if (useNone === undefined) {
        throw new Error(`There is no audit log at ${places.join(" or ")}; name its file`);
      }
      useNone(path);
      return 0;
    }
    stderr.write(`Audit log: ${files.paths.toReversed().join(", ")}\n`);
    for (const place of places) {
      if (place === files.path || !isThere(place)) continue;
      stderr.write(
        `There is another at ${place}, for when this one cannot be written; name it to read it\n`,
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

function openFirst(places: readonly string[]): AuditFiles | undefined {
  for (const place of places) {
    try {
      return new AuditFiles(place);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        continue;
      }
      throw new Error(`Cannot read the audit log ${place}: ${reasonOf(error)}`, { cause: error });
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
