/** Calls tools of the gateway's own server, and gives them the context of the call. Loaded with the first such call. */

import type { ServerAnswer, ServerCall, ServerCallContext } from "./tools/mod.ts";
import { callServerTool } from "./tools/mod.ts";
import type { InputNeeded } from "../downstream/mod.ts";
import { NestedCalls } from "./nested_calls.ts";
import { OWN_SERVER, RUN_CODE } from "../own_server.ts";
import type { PerformingContext } from "./performing.ts";
import { findResultLimit } from "./result_limit.ts";

/** Calls a tool of the own server. */
export async function callOwnTool(
  operation: ServerCall,
  { call, performing }: {
    readonly call: ServerCallContext;
    readonly performing: PerformingContext;
  },
): Promise<ServerAnswer | InputNeeded> {
  const { toolContext: { caller }, request, context } = performing;
  const isNested = request.outer !== undefined;
  if (operation.tool === RUN_CODE && !isNested) await context.ownServer.prepareCode();
  const nestedCalls = new NestedCalls(performing);
  using ownCall = context.ownServer.begin({
    caller,
    maxResultTokens: findResultLimit({ agent: caller.agent, server: OWN_SERVER }, context.snapshot),
    isNested,
    callNested: (nested) => nestedCalls.run(nested),
  });
  return await callServerTool(operation, { ...call, meta: { ...call.meta, ...ownCall.meta } });
}
