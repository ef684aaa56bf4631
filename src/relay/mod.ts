/**
 * The process that a client starts with `--shared`: it finds or starts a daemon, and passes lines on in both
 * directions. It is to stay small and start fast, so it reads no configuration and parses no message deeper than its id
 * and its method. Imports `shared_socket` and the leaves.
 *
 * @module
 */
export { programModule } from "./daemon_command.ts";
export { runRelay, serveShared } from "./run_relay.ts";
