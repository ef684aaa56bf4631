import type { DownstreamServer, Item } from "../../downstream/mod.ts";
import { createStepRunner } from "../tools/mod.ts";
import type { SearchContext } from "./find_resource.ts";
import { mayBeHashedNameOf, offeredName, readOfferedName } from "./names.ts";

/** The prompt that a request is about. */
export interface PromptTarget {
  /** The server. */
  readonly server: DownstreamServer;
  /** The prompt's name at its server. */
  readonly prompt: string;
}

/**
 * Finds the prompt of an offered name. If the name says of which server the prompt is, waits for its list as long as a
 * call waits for its server.
 *
 * @returns `undefined` if no server that the agent may use lists the prompt.
 * @throws {DownstreamError} if the server of the prompt is not available, and the rules allow the prompt.
 */
export async function findPrompt(
  offered: string,
  { servers, caller, offers: { lists }, policy, nameLimit, signal }: SearchContext,
): Promise<PromptTarget | undefined> {
  const plain = readOfferedName(offered, nameLimit);
  if (plain !== undefined) {
    const { name: prompt } = plain;
    const server = servers.find(({ config: { name } }) => name === plain.server);
    if (server === undefined) return undefined;
    const request = { kind: "prompt", server: plain.server, prompt } as const;
    const list = policy.allows(caller.agent, request)
      ? await server.list("prompts", { caller, signal })
      : (await lists.read("prompts", { servers: [server], caller }))[0]?.list;
    return list?.get(prompt) === undefined ? undefined : { server, prompt };
  }
  const candidates = servers.filter(({ config: { name } }) => mayBeHashedNameOf(name, offered));
  for (const { server, list } of await lists.read("prompts", { servers: candidates, caller })) {
    const runStep = createStepRunner(list, caller.agent);
    const isOffered = ({ name }: Item): boolean =>
      offeredName({ server: server.config.name, name }, nameLimit) === offered;
    for (const item of list.items) {
      if (await runStep(() => isOffered(item))) return { server, prompt: item.name };
    }
  }
  return undefined;
}
