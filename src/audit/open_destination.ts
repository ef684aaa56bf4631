import { standardStream } from "../line_queue.ts";
import { AuditFile, type RotationOptions } from "./audit_file.ts";
import { AuditStream } from "./audit_stream.ts";
import type { Destination } from "./destination.ts";

/**
 * Opens a path for the audit log: a standard stream, such as `/dev/stderr`, or a file.
 *
 * @throws Any error of the system, if the path cannot be opened.
 * @throws {Error} If the path is refused.
 */
export function openDestination(path: string, options: RotationOptions): Destination {
  const queue = standardStream(path);
  return queue === undefined ? new AuditFile(path, options) : new AuditStream(path, queue);
}
