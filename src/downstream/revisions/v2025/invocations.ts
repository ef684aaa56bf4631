import { DownstreamError } from "../../../errors.ts";
import { JsonParts, type Peer, type Reply } from "../../../jsonrpc/mod.ts";
import { isRecord } from "../../../json.ts";
import { withDeadline } from "../../../within.ts";
import type { Invocation, InvokeOptions } from "../codec.ts";
import { describeIncomplete, describeKind } from "./describe_value.ts";
import { MAX_ID_LENGTH } from "./server_messages.ts";

/** Calls a tool. */
export const CALL_TOOL = "tools/call";

/** Cancels a task. */
export const CANCEL_TASK = "tasks/cancel";

/** Maximum time for a server's answer to the cancellation of a task, in milliseconds. */
const CANCEL_TASK_TIMEOUT_MS = 30_000;

/** Sends an invocation, as a task if its tool requires that, and waits for its answer. */
export function invoke(peer: Peer, options: InvokeOptions): Promise<Reply> {
  const { invocation, info } = options;
  return needsTask(invocation) && info.hasTasks
    ? runTask(peer, options)
    : runRequest(peer, options);
}

/** Sends a request and waits for its answer. */
function runRequest(peer: Peer, request: InvokeOptions): Promise<Reply> {
  const { signal, memory, onProgress } = request;
  return peer.request(CALL_TOOL, (id) => writeParams(request, id), { signal, memory, onProgress });
}

/**
 * Sends a request that runs as a task, and waits for the task's result.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks}
 */
async function runTask(peer: Peer, request: InvokeOptions): Promise<Reply> {
  const { signal, memory, onProgress } = request;
  let requestId = 0;
  const params = (id: number): JsonParts => {
    requestId = id;
    return writeParams(request, id, ',"task":{}');
  };
  const creationReply = await peer.request(CALL_TOOL, params, { signal, memory, onProgress });
  if (!creationReply.ok) return creationReply;
  const answer = creationReply.result.value;
  const task = isRecord(answer) ? answer.task : undefined;
  // The server answered with the result immediately, without a task.
  const taskId = isRecord(task) ? task.taskId : undefined;
  if (typeof taskId !== "string" || taskId.length > MAX_ID_LENGTH) return creationReply;
  try {
    return await peer.request("tasks/result", { taskId }, {
      signal,
      continuedRequestId: requestId,
      onProgress,
    });
  } catch (cause) {
    if (signal.aborted) {
      withDeadline(CANCEL_TASK_TIMEOUT_MS, (deadline) => {
        return peer.request(CANCEL_TASK, { taskId }, { signal: deadline });
      }).catch(() => {});
    }
    throw cause;
  }
}

/** Writes the parameters of a call; `progressToken` is the id of the request, `taskMember` follows `_meta`. */
function writeParams(
  { invocation: { tool, args }, meta }: InvokeOptions,
  progressToken: number,
  taskMember = "",
): JsonParts {
  const metaText = meta === undefined
    ? `{"progressToken":${progressToken}}`
    : JSON.stringify({ ...meta, progressToken });
  const name = JSON.stringify(tool.name);
  return new JsonParts(
    `{"name":${name},"arguments":`,
    args.json,
    `,"_meta":${metaText}${taskMember}}`,
  );
}

/** Whether a tool must run as a task. */
function needsTask({ tool: { definition: { execution } } }: Invocation): boolean {
  return isRecord(execution) && execution.taskSupport === "required";
}

/** Returns whether the answer to an invocation is an error of the tool. */
export function isToolError(answer: Reply, server: string): boolean {
  if (!answer.ok) return false;
  const { value } = answer.result;
  if (!isRecord(value)) throw createNoResultError(server, value);
  requireComplete(value, server);
  return value.isError === true;
}

/** Describes the failure of a call that was answered with a value other than an object. */
function createNoResultError(server: string, value: unknown): DownstreamError {
  const message = `Server "${server}" answered the call with ${describeKind(value)} instead of a ` +
    "result. The tool may have done its work; report this to the authors of the server.";
  return new DownstreamError("SERVER_UNAVAILABLE", server, message);
}

/** @throws {DownstreamError} The result does not complete its call. */
function requireComplete(result: Readonly<Record<string, unknown>>, server: string): void {
  const incompleteness = describeIncomplete(result);
  if (incompleteness === undefined) return;
  const message = result.resultType === "input_required"
    ? `Server "${server}" asked for input as MCP revision 2026-07-28 defines it (${incompleteness}), which ` +
      "this gateway does not support yet; the call is not complete."
    : `Server "${server}" answered with ${incompleteness}, which is not a complete result and which this ` +
      "gateway does not know.";
  const hint = "Use another tool, or call again with all the input the tool may ask for";
  throw new DownstreamError("SERVER_UNAVAILABLE", server, message, { hint });
}
