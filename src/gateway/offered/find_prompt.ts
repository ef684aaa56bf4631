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
 * Finds the prompt of an offered name. If the name contains the server's name, waits for the server's list as long as a
 * call waits for its server.
 *
 * @returns `undefined` if no server that the agent may use lists the prompt, or prompts of two servers have the name,
 * which a server can choose. A prompt that the rules deny is found whether it exists or not.
 * @throws {DownstreamError} if the server of the prompt is not available, and the rules allow the prompt.
 */
export async function findPrompt(
  offered: string,
  { servers, caller, offers: { lists }, policy, maxNameLength, signal }: SearchContext,
): Promise<PromptTarget | undefined> {
  const plain = readOfferedName(offered, maxNameLength);
  if (plain !== undefined) {
    const { name: prompt } = plain;
    const server = servers.find(({ config: { name } }) => name === plain.server);
    if (server === undefined) return undefined;
    // A denial must not show whether the server has the prompt.
    if (!policy.allows(caller.agent, { kind: "prompt", server: plain.server, prompt })) {
      return { server, prompt };
    }
    const list = await server.list("prompts", { caller, signal });
    // The server says why a prompt is held back.
    const isListed = list.get(prompt) !== undefined || list.heldBack.has(prompt);
    return isListed ? { server, prompt } : undefined;
  }
  const candidates = servers.filter(({ config: { name } }) => mayBeHashedNameOf(name, offered));
  let allowedTarget: PromptTarget | undefined;
  let deniedTarget: PromptTarget | undefined;
  for (const { server, list } of await lists.read("prompts", { servers: candidates, caller })) {
    const { name: serverName } = server.config;
    const runStep = createStepRunner(list, caller.agent);
    const isOffered = ({ name }: Item): boolean =>
      offeredName({ server: serverName, name }, maxNameLength) === offered;
    for (const item of list.whole.items) {
      if (!await runStep(() => isOffered(item))) continue;
      const prompt = item.name;
      const request = { kind: "prompt", server: serverName, prompt } as const;
      if (!policy.allows(caller.agent, request)) deniedTarget ??= { server, prompt };
      else if (allowedTarget !== undefined) return undefined;
      else allowedTarget = { server, prompt };
      break;
    }
  }
  return allowedTarget ?? deniedTarget;
}
