import type { Configuration } from "../config/mod.ts";
import { DownstreamServer, type ServerContext } from "../downstream/mod.ts";
import { compilePolicy, type Policy } from "../policy/mod.ts";

/** Everything that one pair of configuration files says, ready for use and never changed. */
export interface Snapshot {
  /** The two files, checked and expanded. */
  readonly configuration: Configuration;
  /** The rules, compiled. */
  readonly policy: Policy;
  /** The servers by name, in the file's order. */
  readonly servers: ReadonlyMap<string, DownstreamServer>;
}

/**
 * Builds a snapshot. Starts nothing.
 *
 * @param configuration The two files.
 * @param context What all servers share.
 */
export function buildSnapshot(configuration: Configuration, context: ServerContext): Snapshot {
  const servers = new Map<string, DownstreamServer>();
  for (const [name, config] of configuration.servers) {
    servers.set(name, new DownstreamServer(config, context));
  }
  return { configuration, policy: compilePolicy(configuration.rules), servers };
}
