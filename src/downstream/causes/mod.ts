/**
 * Known causes of server failures: finds the cause in a server's output. Loaded when a server fails.
 * Starts nothing and reads no files. Imports `config`.
 *
 * @module
 */

export {
  failFastVariables,
  fillCommandOf,
  findLocalCause,
  lineEndingsFix,
  type LocalFinding,
  type LocalFindingKind,
} from "./local_finding.ts";
