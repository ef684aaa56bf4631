/**
 * The names of the commands that the program starts itself with, and that no help mentions. A leaf: imports nothing of
 * the project.
 *
 * @module
 */

/** Runs the code of an agent. */
export const SANDBOX_COMMAND = "__sandbox";

/** Serves the relays of a daemon key, which is its argument. */
export const DAEMON_COMMAND = "__daemon";
