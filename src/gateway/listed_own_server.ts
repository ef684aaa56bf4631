import { Budget } from "../budget.ts";
import type { ServerConfig, Settings } from "../config/mod.ts";
import type { Log } from "../log.ts";
import { OwnServer } from "./own_server/mod.ts";

/**
 * Returns an entry of the gateway's own server for commands without a gateway: they can list its tools, but not call
 * them.
 *
 * @param options The settings, the gateway's version, and a log for its own errors.
 */
export function listedOwnServer(options: {
  readonly settings: Settings;
  readonly version: string;
  readonly log: Log;
}): ServerConfig {
  const { settings, ...others } = options;
  const approvals = () => Promise.reject(new Error("Without a gateway, no tool can be called"));
  const ownServer = new OwnServer({
    ...settings,
    ...others,
    approvals,
    resultsFolder: "",
    memoryOf: () => new Budget(0),
    hasSeveralAgents: () => false,
  });
  return ownServer.config;
}
