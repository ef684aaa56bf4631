/**
 * What is known of why servers fail: finds the cause in what they print. Loaded when one fails. Starts
 * nothing and reads no files. Imports `config`.
 *
 * @module
 */

export {
  failFastVariables,
  fillCommandOf,
  findLocalCause,
  isDownloaded,
  lineEndingsFix,
  type LocalFinding,
  type LocalFindingKind,
} from "./local_finding.ts";
