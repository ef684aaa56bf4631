import { DownstreamError } from "../../../errors.ts";
import { JsonParts, type Peer, type Reply } from "../../../jsonrpc/mod.ts";
import { isRecord } from "../../../json.ts";
import { withDeadline } from "../../../within.ts";
import type { Invocation } from "../../invocation.ts";
import type { InvokeOptions } from "../codec.ts";
import { describeIncomplete, describeKind } from "./describe_value.ts";
import { MAX_ID_LENGTH } from "./server_messages.ts";

/** The methods of invocations. */
const METHODS: Readonly<Record<Invocation["kind"], string>> = {
  tool: "tools/call",
  resource: "resources/read",
  subscribe: "resources/subscribe",
  unsubscribe: "resources/unsubscribe",
  prompt: "prompts/get",
  completion: "completion/complete",
};

/** Cancels a task. */
export const CANCEL_TASK = "tasks/cancel";

/** Maximum time for a server's answer to the cancellation of a task, in milliseconds. */
const CANCEL_TASK_TIMEOUT_MS = 30_000;

/** Returns the method of an invocation. */
export function methodOf({ kind }: Invocation): string {
  return METHODS[kind];
}

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
  const creationReply = await peer.request(METHODS.tool, params, { signal, memory, onProgress });
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
  return new JsonParts("{", ...memberTexts(invocation), `,"_meta":${metaText}${taskMember}}`);
}

/** Returns the members of the parameters that are about the invoked item, as parts of a text. */
function memberTexts(invocation: Invocation): string[] {
  switch (invocation.kind) {
    case "tool": {
      const { tool, args } = invocation;
      return [`"name":${JSON.stringify(tool.name)},"arguments":`, args.json];
    }
    case "resource":
    case "subscribe":
    case "unsubscribe":
      return [`"uri":${JSON.stringify(invocation.uri)}`];
    case "prompt": {
      const { name, args } = invocation;
      const nameMember = `"name":${JSON.stringify(name)}`;
      return args === undefined ? [nameMember] : [`${nameMember},"arguments":`, args.json];
    }
    case "completion": {
      const { reference, argument, context } = invocation;
      const ref = reference.kind === "prompt"
        ? { type: "ref/prompt", name: reference.name }
        : { type: "ref/resource", uri: reference.uri };
      const contextTexts = context === undefined ? [] : [',"context":', context.json];
      return [`"ref":${JSON.stringify(ref)},"argument":`, argument.json, ...contextTexts];
    }
  }
}

/** Whether an invocation is of a tool that must run as a task. */
function needsTask(invocation: Invocation): boolean {
  if (invocation.kind !== "tool") return false;
  const { execution } = invocation.tool.definition;
  return isRecord(execution) && execution.taskSupport === "required";
}

/** The invocation and the server that an answer is about. */
interface AnswerContext {
  readonly invocation: Invocation;
  readonly server: string;
}

/** Returns whether the answer to an invocation is an error of the tool. */
export function isToolError(answer: Reply, context: AnswerContext): boolean {
  if (!answer.ok) return false;
  const { value } = answer.result;
  if (!isRecord(value)) throw createNoResultError(value, context);
  requireComplete(value, context);
  return context.invocation.kind === "tool" && value.isError === true;
}

/** Describes the failure of an invocation that was answered with a value other than an object. */
function createNoResultError(
  value: unknown,
  { invocation, server }: AnswerContext,
): DownstreamError {
  const isCall = invocation.kind === "tool";
  const request = isCall ? "the call" : methodOf(invocation);
  const message =
    `Server "${server}" answered ${request} with ${describeKind(value)} instead of a ` +
    `result. ${
      isCall ? "The tool may have done its work; report" : "Report"
    } this to the authors ` +
    "of the server.";
  return new DownstreamError("SERVER_UNAVAILABLE", server, message);
}

/** @throws {DownstreamError} The result does not complete its invocation. */
function requireComplete(
  result: Readonly<Record<string, unknown>>,
  { invocation, server }: AnswerContext,
): void {
  const incompleteness = describeIncomplete(result);
  if (incompleteness === undefined) return;
  const message = result.resultType === "input_required"
    ? `Server "${server}" asked for input as MCP revision 2026-07-28 defines it (${incompleteness}), which ` +
      "this gateway does not support yet; the call is not complete."
    : `Server "${server}" answered with ${incompleteness}, which is not a complete result and which this ` +
      "gateway does not know.";
  const hint = "Use another tool, or call again with all the input the tool may ask for";
  const details = invocation.kind === "tool" ? { hint } : {};
  throw new DownstreamError("SERVER_UNAVAILABLE", server, message, details);
}
