import {
  type Application,
  type CommandContext,
  proposeCompletions,
  type RouteMap,
} from "@stricli/core";
import { readConfiguration } from "./open_configuration.ts";
import { cleanLine, type Outputs } from "./terminal.ts";

/** Names that the configuration has. */
export interface Names {
  readonly agents: readonly string[];
  readonly servers: readonly string[];
}

/** Reads the names of agents and servers; none where the configuration cannot be used. */
export async function readNames(): Promise<Names> {
  const { configuration } = await readConfiguration({});
  return {
    agents: [...configuration?.rules.agents.keys() ?? []],
    servers: [...configuration?.servers.keys() ?? []],
  };
}

/** What may stand next, and what it means. */
interface Proposal {
  readonly completion: string;
  readonly brief: string;
}

/**
 * Answers a shell that completes a word: a proposal a line, with what it means behind a tab.
 *
 * @param words What was typed after the program's name; the last word is to be completed.
 * @param line The command line as a whole, its commands, and what they run in.
 * @param outputs Where to print.
 */
export async function complete<C extends CommandContext>(
  words: readonly string[],
  line: { readonly app: Application<C>; readonly routes: RouteMap<C>; readonly context: C },
  { stdout }: Outputs,
): Promise<number> {
  try {
    const lines = (await propose(words, line)).map(({ completion, brief }) => {
      return `${cleanLine(completion)}\t${cleanLine(brief)}\n`;
    });
    stdout.write(lines.join(""));
  } catch {
    // In the middle of typing a line no message is wanted.
  }
  return 0;
}

async function propose<C extends CommandContext>(
  words: readonly string[],
  { app, routes, context }: { app: Application<C>; routes: RouteMap<C>; context: C },
): Promise<readonly Proposal[]> {
  const word = words.at(-1) ?? "";
  const [, flag, value] = /^(--[^=]+)=(.*)$/.exec(word) ?? [];
  if (flag !== undefined && value !== undefined) {
    const values = await propose([...words.slice(0, -1), flag, value], { app, routes, context });
    return values.map(({ completion, brief }) => ({ completion: `${flag}=${completion}`, brief }));
  }
  // The first word counts as one of the default command's, which has flags only.
  const isFirst = words.length <= 1 && !word.startsWith("-");
  const proposals: readonly Proposal[] = isFirst
    ? routes.getAllEntries().map(({ name, target }) => {
      return { completion: name["convert-camel-to-kebab"], brief: target.brief };
    })
    : await proposeCompletions(app, words, context);
  const fitting = proposals.filter(({ completion }) => completion.startsWith(word));
  // Flags are proposed when they are begun, or when nothing else may follow.
  const others = fitting.filter(({ completion }) => !completion.startsWith("-"));
  return others.length > 0 ? others : fitting;
}
