/**
 * Clients over a socket that only this user can reach: the first line of each connection, the clients, and the time
 * that the daemon lives on without one. Knows neither servers nor rules. Imports `shared_socket` and all layers below.
 *
 * @module
 */
export { DaemonService, type DaemonServiceOptions, type SharedClient } from "./daemon_service.ts";
export { type ProcessUse, readProcessUse } from "./process_use.ts";
export { listenOnSocket } from "../../shared_socket/mod.ts";
