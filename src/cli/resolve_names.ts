import { type Configuration, nameHint, type ServerConfig } from "../config/mod.ts";
import type { Context } from "./command.ts";
import { UsageError } from "./error_report.ts";
import type { OpenedConfiguration } from "./open_configuration.ts";

/** Maximum number of names in a message. */
const MAX_NAMES = 10;

/**
 * The entry of a server.
 *
 * @throws {UsageError} It is not configured, or is not used.
 */
export function findServer(
  name: string,
  { servers, unavailableReasons }: Configuration,
): ServerConfig {
  const config = servers.get(name);
  if (config !== undefined) return config;
  const why = unavailableReasons.get(name);
  throw new UsageError(
    why === undefined
      ? `There is no server "${name}" in the configuration${suggestName(name, servers.keys())}`
      : `The server "${name}" is not started: ${why}`,
  );
}

/**
 * Chooses the agent that a command acts as: the one that is named, else the only one of the rules.
 *
 * @returns The configuration with that agent in its settings; without one where the rules do not
 * demand it.
 * @throws {UsageError} It is not in the rules, or there are several to choose from.
 */
export function chooseAgent(
  opened: OpenedConfiguration,
  { stderr }: Pick<Context, "stderr">,
): OpenedConfiguration {
  const { settings, configuration: { rules } } = opened;
  const { agents } = rules;
  if (settings.agent !== undefined) {
    if (agents.has(settings.agent)) return opened;
    const names = suggestName(settings.agent, agents.keys());
    throw new UsageError(`There is no agent "${settings.agent}" in the rules${names}`);
  }
  if (!rules.denyOnMissingAgent) return opened;
  const [only, ...others] = agents.keys();
  if (only === undefined) throw new UsageError("There is no agent in the rules: add one");
  if (others.length > 0) {
    throw new UsageError(`Choose an agent with --agent: ${listed([only, ...others])}`);
  }
  stderr.write(`Using agent "${only}", the only one in the rules\n`);
  return { ...opened, settings: { ...settings, agent: only } };
}

/** Words to append to a message about an unknown name: the likely name, else all names. */
export function suggestName(given: string, known: Iterable<string>): string {
  const names = [...known];
  return nameHint(given, names) ||
    (names.length === 0 ? "; there are none" : `; choose from ${listed(names)}`);
}

function listed(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  return names.slice(0, MAX_NAMES).map((name) => `"${name}"`).join(", ") +
    (more > 0 ? ` and ${more} more` : "");
}
