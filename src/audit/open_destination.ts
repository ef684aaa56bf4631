import { LineQueue, standardStream } from "../line_queue.ts";
import type { Log } from "../log.ts";
import { AuditFile, isStream, openFile, type RotationOptions } from "./audit_file.ts";
import { AuditStream } from "./audit_stream.ts";
import type { Destination } from "./destination.ts";

/**
 * Opens what a path names: a file, which is made where it is missing, or something that another
 * process reads.
 *
 * @param path A path, or that of a standard stream, such as `/dev/stderr`.
 * @param options When a file is put aside, and who is told of lines that nobody reads.
 * @throws what the system says against it.
 */
export function openDestination(
  path: string,
  options: RotationOptions & { log: Log },
): Destination {
  const { log } = options;
  const standard = standardStream(path);
  if (standard !== undefined) return new AuditStream({ path, queue: standard, log });
  const file = openFile(path);
  if (isStream(file)) {
    const queue = new LineQueue((bytes) => file.write(bytes));
    return new AuditStream({ path, queue, file, log });
  }
  return new AuditFile(path, file, options);
}
