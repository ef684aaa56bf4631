import { didYouMean } from "../similar_names.ts";

/**
 * Describes an agent that is not in the rules.
 *
 * @param agent Its name; `undefined` if there is none.
 * @param options The agents of the rules, and the role in which the agent is named, such as `that a client is bound to`.
 * @returns A sentence without its full stop; `undefined` if the rules have the agent.
 */
export function describeUnknownAgent(
  agent: string | undefined,
  { agents, role }: { readonly agents: ReadonlyMap<string, unknown>; readonly role: string },
): string | undefined {
  if (agent === undefined || agents.has(agent)) return undefined;
  return `The agent "${agent}" ${role} is not in the rules${didYouMean(agent, agents.keys())}`;
}
