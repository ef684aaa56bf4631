import type { AuditStatus } from "../audit/mod.ts";
import type { Metrics } from "../metrics/mod.ts";
import type { ReloadStatus } from "./reload.ts";
import type { Snapshot } from "./snapshot.ts";

/** Sources of the gateway's status. */
export interface StatusOptions {
  readonly snapshot: Snapshot;
  readonly metrics: Metrics;
  readonly audit: AuditStatus;
  readonly reload: ReloadStatus;
  /** The daemon that clients share; `undefined` if the process serves clients in another way. */
  readonly daemon: Readonly<Record<string, unknown>> | undefined;
  /** The agent that reads the status. */
  readonly agent: string;
}

/** Builds the answer of `get_gateway_status`. */
export function buildStatus(options: StatusOptions): Readonly<Record<string, unknown>> {
  const { configuration, servers } = options.snapshot;
  const { rules, files } = configuration;
  const shadowAgents = [...rules.agents].flatMap(([id, { isShadowed }]) => isShadowed ? [id] : []);
  return {
    reload_status: options.reload,
    policy_state: {
      total_agents: rules.agents.size,
      agent_ids: [...rules.agents.keys()],
      defaults: {
        deny_on_missing_agent: rules.denyOnMissingAgent,
        deny_overrides: rules.denyOverrides,
      },
      ...(shadowAgents.length > 0 && { shadow_agents: shadowAgents }),
    },
    available_servers: [...servers.keys()],
    config_paths: { mcp_config: files.mcpConfig, gateway_rules: files.rules },
    servers: Object.fromEntries(
      [...servers].map(([name, server]) => [name, server.status(options.agent)]),
    ),
    ...(options.daemon !== undefined && { shared: options.daemon }),
    metrics: { ...options.metrics.summary(), audit: options.audit },
    message: "Gateway is operational. Check reload_status for hot reload health.",
  };
}
