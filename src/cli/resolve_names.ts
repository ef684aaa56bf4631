import { type Configuration, type ServerConfig, suggestCorrection } from "../config/mod.ts";
import { OWN_SERVER } from "../own_server.ts";
import type { Streams } from "./command.ts";
import { UsageError } from "./error_report.ts";
import type { OpenedConfiguration } from "./open_configuration.ts";

/** Maximum number of names in a message. */
const MAX_NAMES = 10;

/**
 * Returns the configuration of a server.
 *
 * @throws {UsageError} if the server is not configured, or is not used, for example because it is disabled.
 */
export function findServer(
  name: string,
  { servers, unavailableReasons }: Configuration,
): ServerConfig {
  const config = servers.get(name);
  if (config !== undefined) return config;
  if (name === OWN_SERVER) {
    throw new UsageError(
      `The server "${name}" is the gateway's own: it has no entry in the servers file, and serves ` +
        `only agents whose \`allow.servers\` names it, or whose results are limited`,
    );
  }
  const reason = unavailableReasons.get(name);
  throw new UsageError(
    reason === undefined
      ? `There is no server "${name}" in the configuration${suggestName(name, servers.keys())}`
      : `The server "${name}" is not started: ${reason}`,
  );
}

/**
 * Chooses the agent that a command acts as: the agent in the settings, or the only one in the rules.
 *
 * @returns The configuration with that agent in its settings. If the rules allow calls without an agent, the settings
 * may have none.
 * @throws {UsageError} if the agent in the settings is not in the rules, or if the settings have no agent and
 * the rules have none or several.
 */
export function chooseAgent(
  opened: OpenedConfiguration,
  { stderr }: Pick<Streams, "stderr">,
): OpenedConfiguration {
  const { settings, configuration: { rules } } = opened;
  const { agents } = rules;
  if (settings.agent !== undefined) {
    if (agents.has(settings.agent)) return opened;
    const suggestion = suggestName(settings.agent, agents.keys());
    throw new UsageError(`There is no agent "${settings.agent}" in the rules${suggestion}`);
  }
  if (!rules.denyOnMissingAgent) return opened;
  const [onlyAgent, ...otherAgents] = agents.keys();
  if (onlyAgent === undefined) throw new UsageError("There is no agent in the rules: add one");
  if (otherAgents.length > 0) {
    throw new UsageError(`Choose an agent with --agent: ${listNames([onlyAgent, ...otherAgents])}`);
  }
  stderr.write(`Using agent "${onlyAgent}", the only one in the rules\n`);
  return { ...opened, settings: { ...settings, agent: onlyAgent } };
}

/** Returns the end of a message about an unknown name: the most similar name, or all known names. */
export function suggestName(name: string, known: Iterable<string>): string {
  const names = [...known];
  return suggestCorrection(name, names) ||
    (names.length === 0 ? "; there are none" : `; choose from ${listNames(names)}`);
}

function listNames(names: readonly string[]): string {
  const hiddenNames = names.length - MAX_NAMES;
  return names.slice(0, MAX_NAMES).map((name) => `"${name}"`).join(", ") +
    (hiddenNames > 0 ? ` and ${hiddenNames} more` : "");
}
