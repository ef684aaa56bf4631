import { type Application, proposeCompletions } from "@stricli/core";
import { usesOwnServer } from "../config/mod.ts";
import { OWN_SERVER } from "../own_server.ts";
import type { ParserContext, Streams } from "./command.ts";
import type { ListedCommand } from "./commands.ts";
import { readConfiguration } from "./open_configuration.ts";
import { escapeControls } from "../text.ts";

/** The names of agents and servers in a configuration. */
export interface ConfiguredNames {
  readonly agents: readonly string[];
  readonly servers: readonly string[];
}

/** Reads the names of agents and servers; none if the configuration cannot be used. */
export async function readNames(): Promise<ConfiguredNames> {
  const { configuration } = await readConfiguration({});
  return {
    agents: [...configuration?.rules.agents.keys() ?? []],
    servers: [
      ...configuration?.servers.keys() ?? [],
      ...configuration !== undefined && usesOwnServer(configuration) ? [OWN_SERVER] : [],
    ],
  };
}

/** A word that may come next, and a description of it. */
interface Proposal {
  readonly completion: string;
  readonly brief: string;
}

/** Options of `complete`. */
export interface CompletionOptions {
  readonly commands: readonly ListedCommand[];
  /** Loads the parser of a command; that of `serve` if the name is not a command. */
  readonly loadApp: (name: string) => Promise<Application<ParserContext>>;
  readonly context: ParserContext & { readonly process: Streams };
}

/**
 * Prints the proposals for a word that a shell completes: one per line, with a description after a tab.
 *
 * @param words The words after the program's name; the last one is to be completed.
 */
export async function complete(
  words: readonly string[],
  options: CompletionOptions,
): Promise<number> {
  try {
    const lines = (await propose(words, options)).map(({ completion, brief }) => {
      return `${escapeControls(completion)}\t${escapeControls(brief)}\n`;
    });
    options.context.process.stdout.write(lines.join(""));
  } catch {
    // A message would appear in the middle of the line that the person is typing.
  }
  return 0;
}

async function propose(
  words: readonly string[],
  options: CompletionOptions,
): Promise<readonly Proposal[]> {
  const { commands, loadApp, context } = options;
  const word = words.at(-1) ?? "";
  const [, flag, value] = /^(--[^=]+)=(.*)$/.exec(word) ?? [];
  if (flag !== undefined && value !== undefined) {
    const values = await propose([...words.slice(0, -1), flag, value], options);
    return values.map(({ completion, brief }) => ({ completion: `${flag}=${completion}`, brief }));
  }
  // The parser would propose the flags of `serve` for the first word.
  const isFirst = words.length <= 1 && !word.startsWith("-");
  const proposals: readonly Proposal[] = isFirst
    ? commands.map(({ name, brief }) => ({ completion: name, brief }))
    : await proposeCompletions(await loadApp(words[0] ?? ""), words, context);
  const matchingProposals = proposals.filter(({ completion }) => completion.startsWith(word));
  // Flags are proposed only if the word begins with a dash, or if nothing else can follow.
  const nonFlags = matchingProposals.filter(({ completion }) => !completion.startsWith("-"));
  return nonFlags.length > 0 ? nonFlags : matchingProposals;
}
