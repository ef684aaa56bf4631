/**
 * The names of the commands with which the program starts itself, and which no help text mentions. A leaf: imports
 * nothing of the project.
 *
 * @module
 */

/** Runs the code of an agent. */
export const SANDBOX_COMMAND = "__sandbox";

/** Serves the relays with a daemon key, which is the argument of the command. */
export const DAEMON_COMMAND = "__daemon";
