import { LineQueue, standardStream } from "../line_queue.ts";
import type { Log } from "../log.ts";
import { AuditFile, isStream, openFile, type RotationOptions } from "./audit_file.ts";
import { AuditStream } from "./audit_stream.ts";
import type { Destination } from "./destination.ts";

/**
 * Opens a path for the audit log: a file, which is created if it is missing, or a stream that
 * another process reads.
 *
 * @param path A path, also of a standard stream, such as `/dev/stderr`.
 * @param options The rotation of a file, and the log for a message when nothing reads a stream.
 * @throws Any error of the system, if the path cannot be opened.
 */
export function openDestination(
  path: string,
  options: RotationOptions & { log: Log },
): Destination {
  const { log } = options;
  const standardQueue = standardStream(path);
  if (standardQueue !== undefined) return new AuditStream({ path, queue: standardQueue, log });
  const file = openFile(path);
  if (isStream(file)) {
    const queue = new LineQueue((bytes) => file.write(bytes));
    return new AuditStream({ path, queue, file, log });
  }
  return new AuditFile(path, file, options);
}
