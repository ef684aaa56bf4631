import { JsonText, type Peer, type Reply, type RequestOptions } from "../jsonrpc/mod.ts";
import type { ToolCall } from "./caller.ts";
import type { Tool } from "./catalog.ts";
import { isRecord, type ServerFacts } from "./handshake.ts";

/**
 * Parameters of `tools/call`: the arguments as they came, `_meta` with the token under which
 * progress is asked for.
 *
 * @param call What to call.
 * @param token The progress token.
 * @param task Whether to run it as a task.
 */
function callParams(call: ToolCall, token: number, task: boolean): JsonText {
  const meta = JSON.stringify({ ...call.meta, progressToken: token });
  const name = JSON.stringify(call.tool);
  const extra = task ? ',"task":{}' : "";
  return new JsonText(`{"name":${name},"arguments":${call.args.text},"_meta":${meta}${extra}}`);
}

/**
 * Whether a tool must run as a task, and its server can run it so.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks}
 */
export function isTaskTool(tool: Tool, { capabilities }: ServerFacts): boolean {
  const { execution } = tool.definition;
  if (!isRecord(execution) || execution.taskSupport !== "required") return false;
  const { tasks } = capabilities;
  return isRecord(tasks) && isRecord(tasks.requests) && isRecord(tasks.requests.tools) &&
    isRecord(tasks.requests.tools.call);
}

/**
 * Runs a tool by a plain call.
 *
 * @param peer The way to the server.
 * @param call What to call.
 * @param signal Ends the call.
 */
export function runAsCall(peer: Peer, call: ToolCall, signal: AbortSignal): Promise<Reply> {
  return peer.request("tools/call", (id) => callParams(call, id, false), {
    signal,
    ...progressOf(call),
  });
}

/**
 * Runs a tool as a task and waits for its result, as a plain call would.
 *
 * @param peer The way to the server.
 * @param call What to call.
 * @param signal Ends the wait, and the task with it.
 */
export async function runAsTask(peer: Peer, call: ToolCall, signal: AbortSignal): Promise<Reply> {
  let token = 0;
  const params = (id: number): JsonText => callParams(call, token = id, true);
  const created = await peer.request("tools/call", params, { signal, ...progressOf(call) });
  if (!created.ok) return created;
  const answer = created.result.value;
  const task = isRecord(answer) ? answer.task : undefined;
  // A server that answered at once gave the result itself.
  if (!isRecord(task) || typeof task.taskId !== "string") return created;
  const { taskId } = task;
  try {
    const options = { signal, continues: token, ...progressOf(call) };
    return await peer.request("tasks/result", { taskId }, options);
  } catch (cause) {
    if (signal.aborted) peer.request("tasks/cancel", { taskId }).catch(() => {});
    throw cause;
  }
}

function progressOf({ onProgress }: ToolCall): Pick<RequestOptions, "onProgress"> {
  return onProgress === undefined ? {} : { onProgress };
}
