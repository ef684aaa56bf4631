/**
 * Serves clients over a socket that only this user can reach: the first line of each connection, the clients, and the
 * time that the daemon lives on without one. Knows neither servers nor rules. A door of its own, because a gateway for one
 * client needs nothing of it.
 *
 * @module
 */
export { type DaemonOptions, serveDaemon } from "./serve_daemon.ts";
