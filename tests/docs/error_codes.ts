import { RETRYABLE } from "../../src/errors.ts";

/** The codes of `ErrorCode` in src/errors.ts. */
export const ERROR_CODES: readonly string[] = Object.keys(RETRYABLE);
