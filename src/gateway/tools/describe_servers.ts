import type { ServerConfig } from "../../config/mod.ts";
import type { ClientConnection, DownstreamServer } from "../../downstream/mod.ts";

/** The servers by name, and the client whose capabilities are declared to them. */
export interface RecallOptions {
  /** The servers. */
  readonly servers: ReadonlyMap<string, DownstreamServer>;
  /** Capabilities of the client. */
  readonly capabilities: ClientConnection["capabilities"];
}

/** Recalls what is remembered of servers, without their lists; `undefined` if that need not be awaited. */
export function loadRememberedCatalogs(
  configs: readonly ServerConfig[],
  { servers, capabilities }: RecallOptions,
): Promise<unknown> | undefined {
  const recalling = configs.flatMap(({ name }) =>
    servers.get(name)?.remembered.recallHead(capabilities) ?? []
  );
  return recalling.length === 0 ? undefined : Promise.all(recalling);
}

/** Returns the entries of servers; those without a description have the server's own, if it was recalled. */
export function withDescriptions(
  configs: readonly ServerConfig[],
  { servers, capabilities }: RecallOptions,
): ServerConfig[] {
  return configs.map((config) => {
    const description = config.description ??
      servers.get(config.name)?.remembered.describe(capabilities);
    return description === undefined ? config : { ...config, description };
  });
}
