import { addOwnServer, type Configuration, type ServerConfig } from "../config/mod.ts";
import { DownstreamServer, type ServerContext } from "../downstream/mod.ts";
import type { Policy } from "../policy/mod.ts";
import { compileRules } from "./compile_rules.ts";

/** The content of one pair of configuration files, ready for use; immutable. */
export interface Snapshot {
  /** The two files, checked and expanded. */
  readonly configuration: Configuration;
  /** The rules. */
  readonly policy: Policy;
  /** The servers by name, in the file's order. */
  readonly servers: ReadonlyMap<string, DownstreamServer>;
}

/** The context of the servers of a snapshot. */
export interface SnapshotContext extends ServerContext {
  /** The entry of the gateway's own server, for configurations that use it; default: none. */
  readonly ownServer?: ServerConfig;
}

/**
 * Builds a snapshot. Starts and ends no server; servers whose entries have not changed are reused with
 * their sessions.
 *
 * @param files The content of the two files.
 * @param context The shared context of the servers.
 * @param previous The previous snapshot, if any.
 */
export function buildSnapshot(
  files: Configuration,
  context: SnapshotContext,
  previous?: Snapshot,
): Snapshot {
  const { ownServer } = context;
  const configuration = ownServer === undefined ? files : addOwnServer(files, ownServer);
  const servers = new Map<string, DownstreamServer>();
  for (const [name, config] of configuration.servers) {
    const previousServer = previous?.servers.get(name);
    const server = previousServer?.config.fingerprint === config.fingerprint
      ? previousServer
      : new DownstreamServer(config, context);
    // Changed pins take effect immediately, also for calls of the previous snapshot.
    server.usePins(configuration.pins?.get(name));
    servers.set(name, server);
  }
  return { configuration, policy: compileRules(configuration), servers };
}
