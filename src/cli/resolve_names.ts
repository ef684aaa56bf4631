import { type Configuration, nameHint } from "../config/mod.ts";
import { nearNames } from "../near_names.ts";
import { type OpenedConfiguration, UsageError } from "./open_configuration.ts";
import type { Outputs } from "./terminal.ts";

/** How many names a message lists. */
const MOST_NAMES = 10;

/** `; did you mean "x"?` for the nearest of some names; empty where none is near. */
export function didYouMean(given: string, known: Iterable<string>): string {
  const [near] = nearNames(given, known, { most: 1 });
  return near === undefined ? "" : `; did you mean "${near}"?`;
}

/**
 * Makes sure that a server is configured.
 *
 * @throws {UsageError} Names those that are.
 */
export function checkServer(name: string, { servers, unused }: Configuration): void {
  if (servers.has(name) || unused.has(name)) return;
  throw new UsageError(
    `There is no server "${name}" in the configuration${suggestName(name, servers.keys())}`,
  );
}

/**
 * The agent that a command acts as: the one that is named, or else the only one of the rules.
 *
 * @param opened The configuration.
 * @param outputs Is told which it is where nobody named it.
 * @returns The settings with that agent; as they are where the rules let a call pass without one.
 * @throws {UsageError} It is not in the rules, or there are several to choose from.
 */
export function chooseAgent(opened: OpenedConfiguration, { stderr }: Outputs): OpenedConfiguration {
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

/** What a mistyped name may have meant, or else the names that there are, to append to a message. */
export function suggestName(given: string, known: Iterable<string>): string {
  const names = [...known];
  return nameHint(given, names) ||
    (names.length === 0 ? "; there are none" : `; choose from ${listed(names)}`);
}

function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).map((name) => `"${name}"`).join(", ") +
    (more > 0 ? ` and ${more} more` : "");
}
