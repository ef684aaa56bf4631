/** Limits the tokens of results, for the few configurations that do so. */

import { limitsOf } from "../limits/mod.ts";
import { OWN_SERVER, READ_RESULT } from "../own_server.ts";
import { offeredName } from "./offered/mod.ts";
import { loadCutting } from "./own_server/mod.ts";
import type { PerformingContext } from "./performing.ts";
import type { Snapshot } from "./snapshot.ts";
import type { ServerAnswer, ServerCall } from "./tools/mod.ts";

/**
 * Finds the maximum number of tokens of a result: the smaller one of the agent's limit and the server's.
 *
 * @returns `undefined` if there is no limit.
 */
export function findResultLimit(
  { agent, server }: { readonly agent: string; readonly server: string },
  { configuration: { rules, servers } }: Pick<Snapshot, "configuration">,
): number | undefined {
  const agentLimit = limitsOf(rules, agent).maxResultTokens;
  const serverLimit = servers.get(server)?.options.maxResultTokens;
  if (agentLimit === undefined || serverLimit === undefined) return agentLimit ?? serverLimit;
  return Math.min(agentLimit, serverLimit);
}

/**
 * Finds the maximum number of tokens of the result of a call.
 *
 * @returns `undefined` if the result is not limited here: code gets results whole, and `read_result` limits its own.
 */
export function findCallResultLimit(
  { server, tool }: ServerCall,
  { toolContext: { caller: { agent } }, request, context: { snapshot } }: PerformingContext,
): number | undefined {
  const isExempt = request.outer !== undefined || (server === OWN_SERVER && tool === READ_RESULT);
  return isExempt ? undefined : findResultLimit({ agent, server }, snapshot);
}

/** Cuts a result that exceeds the limit, and keeps the whole of it for `read_result`. */
export async function cutAnswer(
  answer: ServerAnswer & { readonly kind: "result" },
  { maxTokens, performing }: {
    readonly maxTokens: number;
    readonly performing: PerformingContext;
  },
): Promise<ServerAnswer> {
  const { toolContext: { caller: { agent, connectionId } }, request, context } = performing;
  const { ownServer, face, maxNameLength } = context;
  const { cutResult } = await loadCutting();
  const name = { server: OWN_SERVER, name: READ_RESULT };
  return await cutResult(answer, {
    maxTokens,
    readCall: face === "direct"
      ? `${offeredName(name, maxNameLength)} with`
      : `execute_tool, server ${OWN_SERVER}, tool ${READ_RESULT}, args`,
    party: `agent ${agent}`,
    keep: async (text) => {
      const store = await ownServer.results();
      const { signal } = request;
      return await store.keep(text, { owner: { agent, connectionId }, maxTokens, signal });
    },
  });
}
