import { type CancelSignal, JsonText, type Peer, type Reply } from "../jsonrpc/mod.ts";
import type { Tool } from "./catalog.ts";
import { isRecord, type ServerInfo } from "./handshake.ts";

/** A call as it is sent. */
export interface SentCall {
  /** The tool. */
  readonly tool: Tool;
  /** Its arguments: the text of a JSON object. */
  readonly args: JsonText;
  /** Fields of `_meta`; a progress token among them is replaced. */
  readonly meta: Readonly<Record<string, unknown>> | undefined;
  /** Takes the server's progress, its token among the parameters. */
  readonly onProgress: (params: Readonly<Record<string, unknown>>) => void;
}

/**
 * Parameters of `tools/call`: the arguments as they came, `_meta` with the token under which
 * progress is asked for.
 *
 * @param call What to call.
 * @param token The progress token.
 * @param task Whether to run it as a task.
 */
function callParams({ tool, args, meta }: SentCall, token: number, task: boolean): JsonText {
  const metaText = meta === undefined
    ? `{"progressToken":${token}}`
    : JSON.stringify({ ...meta, progressToken: token });
  const name = JSON.stringify(tool.name);
  const extra = task ? ',"task":{}' : "";
  return new JsonText(`{"name":${name},"arguments":${args.text},"_meta":${metaText}${extra}}`);
}

/**
 * Whether a tool must run as a task, and its server can run it so.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks}
 */
export function isTaskTool(tool: Tool, { capabilities }: ServerInfo): boolean {
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
export function runAsCall(peer: Peer, call: SentCall, signal: CancelSignal): Promise<Reply> {
  const { onProgress } = call;
  return peer.request("tools/call", (id) => callParams(call, id, false), { signal, onProgress });
}

/**
 * Runs a tool as a task and waits for its result, as a plain call would.
 *
 * @param peer The way to the server.
 * @param call What to call.
 * @param signal Ends the wait, and the task with it.
 */
export async function runAsTask(peer: Peer, call: SentCall, signal: CancelSignal): Promise<Reply> {
  let token = 0;
  const params = (id: number): JsonText => callParams(call, token = id, true);
  const { onProgress } = call;
  const created = await peer.request("tools/call", params, { signal, onProgress });
  if (!created.ok) return created;
  const answer = created.result.value;
  const task = isRecord(answer) ? answer.task : undefined;
  // A server that answered at once gave the result itself.
  if (!isRecord(task) || typeof task.taskId !== "string") return created;
  const { taskId } = task;
  try {
    const options = { signal, continues: token, onProgress };
    return await peer.request("tasks/result", { taskId }, options);
  } catch (cause) {
    if (signal.aborted) peer.request("tasks/cancel", { taskId }).catch(() => {});
    throw cause;
  }
}
