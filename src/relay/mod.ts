/**
 * The process that a client starts with `--shared`: it finds or starts a daemon, and passes lines on in both
 * directions. It is to stay small and start fast, so it reads the two files only for the names in them, and of a message
 * only the id, the method and, if the message is short, the parameters. Imports `shared_socket`, `config/startup` and the
 * leaves.
 *
 * @module
 */
export { runRelay, serveShared } from "./run_relay.ts";
