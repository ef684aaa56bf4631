import { refusedLogPath } from "../audit/mod.ts";
import { AuditFiles, type EntryLine, FollowedLog } from "./audit_files.ts";

/**
 * An audit log and the log of refusals beside it, each with its rotated files, as they were when they were
 * opened. Bind it with `using`.
 */
export class AuditTrailFiles implements Disposable {
  readonly #logs: AuditFiles[];
  readonly #refusedPath: string;

  /**
   * @param path The newest file of the audit log.
   * @throws The system's error if the audit log does not exist or cannot be read.
   */
  constructor(path: string) {
    const done = new AuditFiles(path);
    this.#refusedPath = refusedLogPath(path);
    const refused = this.#refusedPath === path ? undefined : openIfThere(this.#refusedPath);
    this.#logs = refused === undefined ? [done] : [done, refused];
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
   * @param options `since`: skips files that were last written earlier, in milliseconds since 1970. `isComplete`:
   * whether to begin after the last complete line, where `follow` continues.
   */
  *entries(
    { since, isComplete = false }: { readonly since?: number; readonly isComplete?: boolean } = {},
  ): Generator<EntryLine> {
    const logs = this.#logs.map((log) => {
      return log.entries({
        ...(since === undefined ? {} : { since }),
        ...(isComplete ? { end: log.position.offset } : {}),
      });
    });
    const [done, refused] = logs;
    let oneDone = done?.next();
    let oneRefused = refused?.next();
    for (;;) {
      const [doneLine, refusedLine] = [lineOf(oneDone), lineOf(oneRefused)];
      if (doneLine === undefined && refusedLine === undefined) return;
      const isRefusedNext = doneLine === undefined ||
        (refusedLine !== undefined && refusedLine.entry.time >= doneLine.entry.time);
      if (isRefusedNext && refusedLine !== undefined) {
        yield refusedLine;
        oneRefused = refused?.next();
      } else if (doneLine !== undefined) {
        yield doneLine;
        oneDone = done?.next();
      }
    }
  }

  /** Opens both logs for reading what is added to them. */
  follow(): FollowedLog[] {
    const [done, refused] = this.#logs;
    return [
      new FollowedLog(this.path, done?.position),
      new FollowedLog(this.#refusedPath, refused?.position),
    ];
  }

  [Symbol.dispose](): void {
    for (const log of this.#logs) log[Symbol.dispose]();
  }
}

/** Follows both logs of a path that does not exist yet. */
export function followTrail(path: string): FollowedLog[] {
  return [new FollowedLog(path), new FollowedLog(refusedLogPath(path))];
}

function openIfThere(path: string): AuditFiles | undefined {
  try {
    return new AuditFiles(path);
  } catch {
    return undefined;
  }
}

function lineOf(step: IteratorResult<EntryLine> | undefined): EntryLine | undefined {
  return step === undefined || step.done === true ? undefined : step.value;
}
