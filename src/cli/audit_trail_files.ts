import { refusalLogPath } from "../audit/mod.ts";
import { AuditFiles, type EntryLine, FollowedLog } from "./audit_files.ts";

/**
 * An audit log and the log of refusals beside it, each with its rotated files, as they were when they were
 * opened. Bind it with `using`.
 */
export class AuditTrailFiles implements Disposable {
  readonly #logs: AuditFiles[];
  readonly #refusalLogPath: string;

  /**
   * @param path The newest file of the audit log.
   * @throws The system's error if the audit log does not exist or cannot be read.
   */
  constructor(path: string) {
    const auditLog = new AuditFiles(path);
    this.#refusalLogPath = refusalLogPath(path);
    const refusalLog = this.#refusalLogPath === path
      ? undefined
      : openIfReadable(this.#refusalLogPath);
    this.#logs = refusalLog === undefined ? [auditLog] : [auditLog, refusalLog];
  }

  /** Path of the newest file of the audit log. */
  get path(): string {
    return this.#logs[0]?.path ?? "";
  }

  /** Paths of all files, the oldest of each log first. */
  get paths(): string[] {
    return this.#logs.flatMap(({ paths }) => paths.toReversed());
  }

  /** Number of lines read so far that are not entries. */
  get damagedLines(): number {
    return this.#logs.reduce((sum, { damagedLines }) => sum + damagedLines, 0);
  }

  /**
   * The entries of both logs, the newest first.
   *
   * @param options `since`: a time in milliseconds since 1970; files that were last written before it are skipped.
   * `skipsPartialLine`: whether to leave out a last line that is not complete yet, which `follow` will read.
   */
  *entries(
    { since, skipsPartialLine = false }: {
      readonly since?: number;
      readonly skipsPartialLine?: boolean;
    } = {},
  ): Generator<EntryLine> {
    const logs = this.#logs.map((log) => {
      return log.entries({
        ...(since === undefined ? {} : { since }),
        ...(skipsPartialLine ? { end: log.position.offset } : {}),
      });
    });
    const [auditLines, refusalLines] = logs;
    let auditLine = nextLine(auditLines);
    let refusalLine = nextLine(refusalLines);
    while (auditLine !== undefined || refusalLine !== undefined) {
      const isRefusalNext = auditLine === undefined ||
        (refusalLine !== undefined && refusalLine.entry.time >= auditLine.entry.time);
      if (isRefusalNext && refusalLine !== undefined) {
        yield refusalLine;
        refusalLine = nextLine(refusalLines);
      } else if (auditLine !== undefined) {
        yield auditLine;
        auditLine = nextLine(auditLines);
      }
    }
  }

  /** Opens both logs to read the lines that are added to them. */
  follow(): FollowedLog[] {
    const [auditLog, refusalLog] = this.#logs;
    return [
      new FollowedLog(this.path, auditLog?.position),
      new FollowedLog(this.#refusalLogPath, refusalLog?.position),
    ];
  }

  [Symbol.dispose](): void {
    for (const log of this.#logs) log[Symbol.dispose]();
  }
}

/** Follows both logs of a path that does not exist yet. */
export function followTrail(path: string): FollowedLog[] {
  return [new FollowedLog(path), new FollowedLog(refusalLogPath(path))];
}

function openIfReadable(path: string): AuditFiles | undefined {
  try {
    return new AuditFiles(path);
  } catch {
    return undefined;
  }
}

function nextLine(lines: Generator<EntryLine> | undefined): EntryLine | undefined {
  const step = lines?.next();
  return step === undefined || step.done === true ? undefined : step.value;
}
