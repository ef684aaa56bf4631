import { JsonParts, type Peer, type Reply } from "../../../jsonrpc/mod.ts";
import { isRecord } from "../../../json.ts";
import { withDeadline } from "../../../within.ts";
import type { Invocation } from "../../invocation.ts";
import type { InvokeOptions } from "../codec.ts";
import { methodOf, writeInvocationMembers } from "../invocations.ts";
import { MAX_ID_LENGTH } from "../notifications.ts";

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
  const method = methodOf(request.invocation);
  return peer.request(method, (id) => writeParams(request, id), { signal, memory, onProgress });
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
  const creationReply = await peer.request(methodOf(request.invocation), params, {
    signal,
    memory,
    onProgress,
  });
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

/** Writes the parameters of an invocation; `progressToken` is the id of the request, `taskMember` follows `_meta`. */
function writeParams(
  { invocation, meta }: InvokeOptions,
  progressToken: number,
  taskMember = "",
): JsonParts {
  const metaText = meta === undefined
    ? `{"progressToken":${progressToken}}`
    : JSON.stringify({ ...meta, progressToken });
  return new JsonParts(
    "{",
    ...writeInvocationMembers(invocation),
    `,"_meta":${metaText}${taskMember}}`,
  );
}

/** Whether an invocation is of a tool that must run as a task. */
function needsTask(invocation: Invocation): boolean {
  if (invocation.kind !== "tool") return false;
  const { execution } = invocation.tool.definition;
  return isRecord(execution) && execution.taskSupport === "required";
}
