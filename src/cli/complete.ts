import { type Application, type CommandContext, proposeCompletions } from "@stricli/core";
import { readConfiguration } from "./open_configuration.ts";
import { cleanLine, type Outputs } from "./outputs.ts";

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

/**
 * Answers a shell that completes a word: a proposal a line, with what it means behind a tab.
 *
 * @param app The command line as a whole.
 * @param words What was typed after the program's name; the last word is to be completed.
 * @param context What commands run in.
 * @param outputs Where to print.
 */
export async function complete<C extends CommandContext>(
  app: Application<C>,
  words: readonly string[],
  context: C,
  { stdout }: Outputs,
): Promise<number> {
  try {
    const proposals = await proposeCompletions(app, words, context);
    const lines = proposals.map(({ completion, brief }) => `${cleanLine(completion)}\t${brief}\n`);
    stdout.write(lines.join(""));
  } catch {
    // In the middle of typing a line no message is wanted.
  }
  return 0;
}
