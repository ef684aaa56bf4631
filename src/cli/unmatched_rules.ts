import {
  type ConfigProblem,
  type Configuration,
  type Grants,
  nameHint,
  type Rules,
} from "../config/mod.ts";
import { formatPath } from "../json.ts";
import { compilePattern } from "../policy/mod.ts";
import type { Probe } from "./probe.ts";

/** The tools of each server by name; `undefined` if they are not known. */
export type KnownTools = ReadonlyMap<string, readonly string[] | undefined>;

/**
 * The names of the tools of servers that were started.
 *
 * @param servers All that are configured.
 */
export function toolsOf(probes: readonly Probe[], servers: Iterable<string>): KnownTools {
  const known = new Map<string, readonly string[] | undefined>();
  for (const server of servers) known.set(server, undefined);
  for (const { config, tools } of probes) known.set(config.name, tools?.map(({ name }) => name));
  return known;
}

/** The warnings of the configuration about the rules of an agent, or of all agents. */
export function rulesWarnings(
  { warnings }: Configuration,
  agent: string | undefined,
): ConfigProblem[] {
  const base = formatPath(agent === undefined ? ["agents"] : ["agents", agent]);
  return warnings.filter(({ path }) => {
    return path.startsWith(base) && /^[.[]/.test(path.slice(base.length));
  });
}

/**
 * Finds entries of the rules that match no tool of their servers. Entries for a server whose tools
 * are not known are left out.
 *
 * @param options The tools of every configured server, the name of the rules file, and an agent;
 * default: all agents.
 * @returns Warnings without lines, because the rules are not read again for them.
 */
export function unmatchedTools(
  { agents }: Rules,
  { known, file, agent }: {
    readonly known: KnownTools;
    readonly file: string;
    readonly agent?: string;
  },
): ConfigProblem[] {
  return [...agents].filter(([id]) => agent === undefined || id === agent)
    .flatMap(([id, { allow, deny }]) => {
      const granted = allow === undefined ? [] : unmatchedIn(allow, "allow", known);
      const denied = deny === undefined ? [] : unmatchedIn(deny, "deny", known);
      return [...granted, ...denied].map(({ path, message }) => {
        const at = formatPath(["agents", id, ...path]);
        return { file, line: 0, column: 0, path: at, message };
      });
    });
}

/** A pattern that matches every name. */
const ANYTHING = /^[*]+$/;

interface Unmatched {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function unmatchedIn(
  { tools }: Grants,
  effect: "allow" | "deny",
  known: KnownTools,
): Unmatched[] {
  return [...tools ?? []].flatMap(([server, patterns]) => {
    const key = compilePattern(server);
    const about = [...known].filter(([name]) => key.matches(name));
    const names = about.flatMap(([, tools]) => tools ?? []);
    // A server that is not configured is a warning of its own.
    if (about.length === 0 || about.some(([, tools]) => tools === undefined)) return [];
    const whose = key.explicit ? `server ${JSON.stringify(server)}` : "the servers it is about";
    return patterns.flatMap((pattern, index): Unmatched[] => {
      const { explicit, matches } = compilePattern(pattern);
      // An entry such as `"*": ["delete_*"]` is meant for servers that may come one day, too.
      const isGeneral = ANYTHING.test(server) && !explicit;
      if (ANYTHING.test(pattern) || isGeneral || names.some(matches)) return [];
      const message = `no tool of ${whose} matches ${JSON.stringify(pattern)}` +
        nameHint(pattern, names);
      return [{ path: [effect, "tools", server, index], message }];
    });
  });
}
