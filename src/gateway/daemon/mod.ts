/**
 * Serves clients over a socket that only this user can reach: the first line of each connection, the clients, and the
 * time for which the daemon lives without one. It knows servers only by their status, and by the text of their file, which
 * it searches for new variables. Imports `gateway`, `config/startup`, `shared_socket`, `jsonrpc` and the
 * leaves. It is loaded by itself, because a gateway for one client needs nothing of it.
 *
 * @module
 */
export { type DaemonOptions, serveDaemon } from "./serve_daemon.ts";
