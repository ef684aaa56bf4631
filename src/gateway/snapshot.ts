import type { Configuration } from "../config/mod.ts";
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
