import { type Configuration, type ServerConfig, usesOwnServer } from "../config/mod.ts";
import { DownstreamServer, type ServerContext } from "../downstream/mod.ts";
import { OWN_SERVER } from "../own_server.ts";
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
  /** The entry of the gateway's own server, which is a server of the snapshots that have a use for it; default: none. */
  readonly ownServer?: ServerConfig;
}

/**
 * Builds a snapshot. Starts and ends no server; servers whose entries have not changed are reused with
 * their sessions.
 *
 * @param files The two files.
 * @param context The shared context of the servers.
 * @param previous The previous snapshot, if any.
 */
export function buildSnapshot(
  files: Configuration,
  context: SnapshotContext,
  previous?: Snapshot,
): Snapshot {
  const configuration = withOwnServer(files, context);
  const servers = new Map<string, DownstreamServer>();
  for (const [name, config] of configuration.servers) {
    const known = previous?.servers.get(name);
    const isUnchanged = known?.config.fingerprint === config.fingerprint;
    const server = isUnchanged && known !== undefined
      ? known
      : new DownstreamServer(config, context);
    // Other pins take effect immediately, also for calls of the previous snapshot.
    server.usePins(configuration.pins?.get(name));
    servers.set(name, server);
  }
  return { configuration, policy: compileRules(configuration), servers };
}

/** Adds the gateway's own server after those of the file, if it is of use. */
function withOwnServer(
  files: Configuration,
  { ownServer }: Pick<SnapshotContext, "ownServer">,
): Configuration {
  if (ownServer === undefined || !usesOwnServer(files)) return files;
  return { ...files, servers: new Map([...files.servers, [OWN_SERVER, ownServer]]) };
}
