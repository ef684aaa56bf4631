/**
 * The gateway's own server: tools that the gateway itself offers beside those of the servers. The pipeline calls them
 * as it calls the tools of any server, over a channel in this process. Only what a tool needs to know about its call takes
 * another path (`OwnServer.begin`). `own_server.ts` is loaded at the start, everything else with the first
 * connection to the server. Imports `gateway/tools`, and what that may import.
 *
 * @module
 */
export { OwnServer, type OwnServerOptions } from "./own_server.ts";
export type { NestedCall, NestedOutcome, OwnCall, OwnServices } from "./tool.ts";

/** Loads the stage that cuts results, which few configurations need. */
export function loadCutting(): Promise<typeof import("./results/mod.ts")> {
  return import("./results/mod.ts");
}
