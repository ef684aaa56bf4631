/**
 * The limits of the process in which code runs, and a flag of its command. The gateway and the process, which is the same
 * program, both use them. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Maximum size of the heap, in MiB. */
export const MAX_HEAP_MIB = 128;

/** Maximum resident memory of the process, in MiB: buffers lie outside the heap. */
export const MAX_RESIDENT_MIB = 256;

/** Maximum number of calls of one run. */
export const MAX_CALLS = 1000;

/** Maximum number of calls in flight; more wait. */
export const MAX_PENDING_CALLS = 32;

/** Maximum length of the output, in UTF-16 code units. */
export const MAX_LOG_LENGTH: number = 256 * 1024;

/** Maximum length of an argument as JSON, in UTF-16 code units. */
export const MAX_ARGUMENT_LENGTH: number = 16 * 1024 * 1024;

/**
 * Maximum length of the returned value as JSON, in UTF-16 code units. The result holds it as a text in which its quotes
 * are escaped again. A longer text could be too complex to parse, and would delay the calls of others.
 */
export const MAX_RETURNED_LENGTH: number = 4 * 1024 * 1024;

/** The flag of the command with which the process watches its own memory, because the gateway cannot. */
export const WATCH_MEMORY_FLAG = "--watch-memory";

/** Exit code of the process after too much memory was used. */
export const MEMORY_EXIT_CODE = 86;
