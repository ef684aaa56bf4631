import type { CallClock } from "./call_clock.ts";
import type { CallAnswer, ToolCall } from "./caller.ts";
import type { Catalog, Tool } from "./catalog.ts";
import { isRecord } from "../json.ts";
import type { Lease } from "./lease.ts";

/**
 * Finds a tool and calls it. The tool list is fetched again before an unknown tool counts as missing.
 *
 * This is the hot path of every call, so a cached list is not awaited.
 *
 * @param lease A session, which may still be connecting.
 * @param what The call, and the clock that ends it.
 */
export async function callTool(
  lease: Lease,
  { call, clock }: { readonly call: ToolCall; readonly clock: CallClock },
): Promise<CallAnswer> {
  let tool = lease.knownTools?.get(call.tool);
  if (!isCallable(tool, call)) {
    const catalog = await findCatalog(lease, call);
    tool = catalog.get(call.tool);
    if (tool === undefined) return { kind: "no-such-tool", catalog };
    if (!isCallable(tool, call)) return { kind: "missing-arguments", tool };
  }
  const { meta, span, onProgress } = call;
  const { reply, downstreamMs, isToolError } = await lease.request({
    invocation: { kind: "tool", tool, args: call.args },
    meta,
    clock,
    span,
    onProgress,
    isRepeatable: isRepeatable(tool),
  });
  return { kind: "answer", reply, tool, downstreamMs, isToolError };
}

/** Whether the tool is there and may take the call. */
function isCallable(tool: Tool | undefined, { lacksArguments }: ToolCall): tool is Tool {
  return tool !== undefined && !(lacksArguments?.(tool) ?? false);
}

/** Returns the tool list; fetched again if the tool in the cached one is missing or lacks arguments. */
async function findCatalog(lease: Lease, call: ToolCall): Promise<Catalog> {
  const catalog = await lease.listTools();
  return isCallable(catalog.get(call.tool), call) ? catalog : await lease.listTools(true);
}

/** Whether calling it twice does no harm. */
function isRepeatable({ definition: { annotations } }: Tool): boolean {
  return isRecord(annotations) &&
    (annotations.readOnlyHint === true || annotations.idempotentHint === true);
}
