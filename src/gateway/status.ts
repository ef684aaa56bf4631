import type { Metrics } from "../metrics/mod.ts";
import type { Snapshot } from "./snapshot.ts";

/** What the status is read from. */
export interface StatusOptions {
  /** The configuration in force. */
  readonly snapshot: Snapshot;
  /** Figures of the operations. */
  readonly metrics: Metrics;
  /** When the two files were read, ISO 8601. */
  readonly loadedAt: string;
}

/** The answer of `get_gateway_status`. */
export function readStatus(options: StatusOptions): Readonly<Record<string, unknown>> {
  const { configuration, servers } = options.snapshot;
  const { rules, files, warnings } = configuration;
  const loaded = {
    last_attempt: options.loadedAt,
    last_success: options.loadedAt,
    last_error: null,
    attempt_count: 1,
    success_count: 1,
  };
  const rulesWarnings = warnings.filter((warning) => warning.file === files.rules);
  return {
    reload_status: {
      mcp_config: loaded,
      gateway_rules: { ...loaded, last_warnings: rulesWarnings.map((warning) => warning.message) },
    },
    policy_state: {
      total_agents: rules.agents.size,
      agent_ids: [...rules.agents.keys()],
      defaults: {
        deny_on_missing_agent: rules.denyOnMissingAgent,
        deny_overrides: rules.denyOverrides,
      },
    },
    available_servers: [...servers.keys()],
    config_paths: { mcp_config: files.mcpConfig, gateway_rules: files.rules },
    servers: Object.fromEntries(
      [...servers].map(([name, server]) => [name, server.status()]),
    ),
    metrics: options.metrics.summary(),
    message: "Gateway is operational. Check reload_status for hot reload health.",
  };
}
