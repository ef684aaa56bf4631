/**
 * Pins: the definitions of a server's tools, resource templates and prompts that a person has accepted. Reads and writes
 * the text of the lock file, hashes and compares definitions, and finds text in them that a person would not see. Pure:
 * reads no files, and starts nothing. Imports only the leaves.
 *
 * @module
 */

export { type ChangeKind, comparePins, type PinDifference } from "./compare.ts";
export { type CanonicalDefinition, canonicalDefinition, type Unpinnable } from "./definition.ts";
export {
  escapeNonAscii,
  findHiddenText,
  hasMixedLetters,
  type HiddenText,
  type HiddenTextKind,
} from "./hidden_text.ts";
export {
  formatLockFile,
  hashesOf,
  type LockedServer,
  type LockFile,
  type ParsedLockFile,
  parseLockFile,
  type Pin,
  PINNED_KINDS,
  type PinnedHashes,
  type PinnedKind,
  type PinnedServerInfo,
  type ServerPins,
} from "./lock_file.ts";
export { type DiffPart, diffWords } from "./word_diff.ts";
