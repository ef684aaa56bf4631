import type { Configuration } from "../config/mod.ts";
import { DownstreamServer, type ServerContext } from "../downstream/mod.ts";
import { compilePolicy, type Policy } from "../policy/mod.ts";

/** The content of one pair of configuration files, ready for use; immutable. */
export interface Snapshot {
  /** The two files, checked and expanded. */
  readonly configuration: Configuration;
  /** The rules. */
  readonly policy: Policy;
  /** The servers by name, in the file's order. */
  readonly servers: ReadonlyMap<string, DownstreamServer>;
}

/**
 * Builds a snapshot. Starts and ends no server; servers whose entries have not changed are reused with
 * their sessions.
 *
 * @param configuration The two files.
 * @param context The shared context of the servers.
 * @param previous The previous snapshot, if any.
 */
export function buildSnapshot(
  configuration: Configuration,
  context: ServerContext,
  previous?: Snapshot,
): Snapshot {
  const servers = new Map<string, DownstreamServer>();
  for (const [name, config] of configuration.servers) {
    const server = previous?.servers.get(name);
    const isUnchanged = server?.config.fingerprint === config.fingerprint;
    servers.set(
      name,
      isUnchanged && server !== undefined ? server : new DownstreamServer(config, context),
    );
  }
  return { configuration, policy: compilePolicy(configuration.rules), servers };
}
