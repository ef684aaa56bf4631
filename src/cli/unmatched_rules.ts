import {
  type ConfigProblem,
  type Configuration,
  type Grants,
  type Rules,
  suggestCorrection,
} from "../config/mod.ts";
import { problemWithoutPosition } from "../errors.ts";
import { formatPath } from "../json.ts";
import { compilePattern } from "../policy/mod.ts";
import type { Probe } from "./probe.ts";

/** The names of each server's tools; `undefined` if they are not known. */
export type KnownTools = ReadonlyMap<string, readonly string[] | undefined>;

/**
 * Returns the names of the tools of every configured server; `undefined` for a server that was not started
 * or that failed.
 *
 * @param servers Names of all configured servers.
 */
export function listKnownTools(probes: readonly Probe[], servers: Iterable<string>): KnownTools {
  const knownTools = new Map<string, readonly string[] | undefined>();
  for (const server of servers) knownTools.set(server, undefined);
  for (const { config, tools } of probes) {
    knownTools.set(
      config.name,
      tools?.map(({ name }) => name),
    );
  }
  return knownTools;
}

/** Selects the warnings of a configuration that are about the rules of one agent, or of all agents. */
export function selectRulesWarnings(
  { warnings }: Configuration,
  agent: string | undefined,
): ConfigProblem[] {
  const agentPath = formatPath(agent === undefined ? ["agents"] : ["agents", agent]);
  return warnings.filter(({ path }) => {
    return path.startsWith(agentPath) && /^[.[]/.test(path.slice(agentPath.length));
  });
}

/**
 * Finds entries of the rules that match no tool of their servers. Entries for a server whose tools
 * are not known are left out.
 *
 * @param options The tools of every configured server, the name of the rules file, and an agent;
 * default: all agents.
 * @returns Warnings without line numbers, which parsed rules do not contain.
 */
export function findUnmatchedTools(
  { agents }: Rules,
  { known, file, agent }: {
    readonly known: KnownTools;
    readonly file: string;
    readonly agent?: string;
  },
): ConfigProblem[] {
  return [...agents].filter(([id]) => agent === undefined || id === agent)
    .flatMap(([id, { allow, deny }]) => {
      const granted = allow === undefined ? [] : findUnmatchedIn(allow, "allow", known);
      const denied = deny === undefined ? [] : findUnmatchedIn(deny, "deny", known);
      return [...granted, ...denied].map(({ path, message }) => {
        const at = formatPath(["agents", id, ...path]);
        return problemWithoutPosition(message, { file, path: at });
      });
    });
}

/** Matches the patterns that stand for every name. */
const ANYTHING = /^[*]+$/;

interface Unmatched {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function findUnmatchedIn(
  { tools }: Grants,
  effect: "allow" | "deny",
  known: KnownTools,
): Unmatched[] {
  return [...tools ?? []].flatMap(([server, patterns]) => {
    const serverPattern = compilePattern(server);
    const matchingServers = [...known].filter(([name]) => serverPattern.matches(name));
    const names = matchingServers.flatMap(([, tools]) => tools ?? []);
    // Another check warns about a server that is not configured.
    if (matchingServers.length === 0 || matchingServers.some(([, tools]) => tools === undefined)) {
      return [];
    }
    const owner = serverPattern.isExplicit
      ? `server ${JSON.stringify(server)}`
      : `the servers that match ${JSON.stringify(server)}`;
    return patterns.flatMap((pattern, index): Unmatched[] => {
      const { isExplicit, matches } = compilePattern(pattern);
      // An entry such as `"*": ["delete_*"]` is also meant for servers that are added later.
      const isGeneral = ANYTHING.test(server) && !isExplicit;
      if (ANYTHING.test(pattern) || isGeneral || names.some(matches)) return [];
      const message = `no tool of ${owner} matches ${JSON.stringify(pattern)}` +
        suggestCorrection(pattern, names);
      return [{ path: [effect, "tools", server, index], message }];
    });
  });
}
