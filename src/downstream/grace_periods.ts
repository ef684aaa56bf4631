/**
 * Grace periods for the processes of sessions.
 *
 * @module
 */
import type { GracePeriods } from "./transports/mod.ts";

/** The grace periods of an idle session. */
export const IDLE_GRACE: GracePeriods = { afterInputCloseMs: 2000, afterTerminateMs: 2000 };

/**
 * The grace periods of a broken session, and of one that does not answer a ping: it will not react to the end of its
 * input either.
 */
export const BROKEN_GRACE: GracePeriods = { afterInputCloseMs: 100, afterTerminateMs: 500 };

/**
 * The grace periods while `npx` or a similar program may still be downloading. npm must not be interrupted: after any signal,
 * its cache may hold a package with missing files, and then the server fails at every start. Once the
 * download is complete and the server has started, the server sees that its input is closed, and ends.
 */
export const DOWNLOADING_GRACE: GracePeriods = { afterInputCloseMs: 90_000, afterTerminateMs: 500 };
