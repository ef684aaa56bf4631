/**
 * Finds known causes of failures in the output of a local server. Loaded when a server fails. Starts no
 * processes and reads no files. Imports `config` and leaves.
 *
 * @module
 */

export {
  downloadCommandOf,
  failFastVariables,
  findLocalCause,
  lineEndingsFix,
  type LocalCause,
  type LocalCauseKind,
} from "./local_cause.ts";
