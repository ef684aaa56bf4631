import type { ForwardedRequest } from "../../config/mod.ts";
import { DownstreamError } from "../../errors.ts";
import {
  elementTexts,
  type IncomingRequest,
  JsonParts,
  JsonText,
  measureParseCost,
  type Peer,
  type Reply,
  RPC_CODES,
  type RpcError,
  textAt,
} from "../../jsonrpc/mod.ts";
import { REVISION_WITH_BATCHES, REVISIONS } from "../../revisions.ts";
import { startOfText } from "../../text.ts";
import type { InputRequest } from "../client_channel.ts";
import { isRecord } from "../../json.ts";
import { remoteFailureBehind } from "../remote_failure.ts";
import {
  CatalogError,
  HandshakeError,
  type Invocation,
  type InvokeOptions,
  type ListOptions,
  type OpenOptions,
  type ServerCodec,
  type ServerInfo,
  type ServerNotification,
  type ServerRequest,
  type ToolPage,
} from "./codec.ts";
import { describeNewerRevision } from "./newer_revision.ts";
import { withDeadline } from "../../within.ts";

const INITIALIZE = "initialize";
const INITIALIZED = "notifications/initialized";
const LIST_TOOLS = "tools/list";
const CALL_TOOL = "tools/call";
const CANCEL_TASK = "tasks/cancel";

/** Maximum length of a text with which a server describes itself, in UTF-16 code units; its session keeps the text. */
const MAX_INFO_LENGTH = 4096;

/** Maximum length of a quoted text, in UTF-16 code units. */
const MAX_QUOTE_LENGTH = 80;

/** Maximum time for a server's answer to the cancellation of a task, in milliseconds. */
const CANCEL_TASK_TIMEOUT_MS = 30_000;

/** Maximum length of the id of a task or an elicitation, in UTF-16 code units. */
const MAX_ID_LENGTH = 1000;

/** JSON-RPC code of "URL elicitation required". */
const URL_ELICITATION_REQUIRED = -32042;

/** The requests of a server that a client answers, and the capability that it declares for each. */
const CLIENT_REQUESTS: Readonly<Record<string, ForwardedRequest>> = {
  "elicitation/create": "elicitation",
  "roots/list": "roots",
  "sampling/createMessage": "sampling",
};

/**
 * The server codec of the MCP revisions from 2024-11-05 to 2025-11-25, which are equal in everything
 * that the gateway sends to servers or reads from them.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic}
 */
export const v2025: ServerCodec = {
  phases: {
    [INITIALIZE]: "open",
    [INITIALIZED]: "opened",
    "notifications/cancelled": "cancel",
    [CANCEL_TASK]: "cancel",
  },
  hasBatches: (revision) => revision === REVISION_WITH_BATCHES,
  open,
  listTools,
  methodOf: () => CALL_TOOL,
  invoke,
  isToolError,
  decodeLinksError,
  probe(peer, { probe, signal }) {
    return peer.request(probe === "alive" ? "ping" : LIST_TOOLS, undefined, { signal });
  },
  async setLogLevel(peer, { level, info: { hasLogging }, signal }) {
    if (!hasLogging) return;
    await peer.request("logging/setLevel", { level }, { signal });
  },
  notifyRootsChanged: (peer) => peer.notify("notifications/roots/list_changed"),
  decodeRequest,
  decodeNotification,
};

/** @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#initialization} */
async function open(
  peer: Peer,
  { capabilities, version, signal, onHeaders }: OpenOptions,
): Promise<ServerInfo> {
  const reply = await peer.request(INITIALIZE, {
    protocolVersion: REVISIONS[0],
    capabilities,
    clientInfo: { name: "agent-mcp-gateway", version },
  }, { signal }).catch((cause) => {
    // Over HTTP, a refusal often has an error status, and the JSON-RPC error in the body.
    const rpcError = remoteFailureBehind(cause)?.rpcError;
    const newerClause = rpcError && describeNewerRevision(rpcError);
    if (newerClause === undefined) throw cause;
    throw new HandshakeError(newerClause, { rpcError, isNewer: true, cause });
  });
  if (!reply.ok) {
    const { error: rpcError } = reply;
    const newerClause = describeNewerRevision(rpcError);
    const message = newerClause ??
      `it refused to initialize: ${rpcError.message} (error ${rpcError.code})`;
    throw new HandshakeError(message, { rpcError, isNewer: newerClause !== undefined });
  }
  const answer = fieldsOf(reply.result.value);
  const { protocolVersion } = answer;
  const revision = REVISIONS.find((known) => known === protocolVersion);
  if (revision === undefined) {
    const data = { supported: [protocolVersion] };
    const newerClause = describeNewerRevision({ code: 0, message: "", data });
    if (newerClause !== undefined) throw new HandshakeError(newerClause, { isNewer: true });
    throw new HandshakeError(
      `it speaks MCP revision ${quoteValue(protocolVersion)}, not one of ${REVISIONS.join(", ")}`,
    );
  }
  onHeaders({ "mcp-protocol-version": revision });
  peer.notify(INITIALIZED);
  return { revision, ...readInfo(answer) };
}

function readInfo(
  { capabilities, instructions, serverInfo }: Fields,
): Omit<ServerInfo, "revision"> {
  const declared = fieldsOf(capabilities);
  const { tools } = fieldsOf(fieldsOf(declared.tasks).requests);
  const { title, name } = fieldsOf(serverInfo);
  return {
    hasTools: "tools" in declared,
    hasLogging: "logging" in declared,
    hasTasks: isRecord(fieldsOf(tools).call),
    ...(typeof instructions === "string" &&
      { instructions: startOfText(instructions, MAX_INFO_LENGTH) }),
    ...(typeof title === "string" && { title: startOfText(title, MAX_INFO_LENGTH) }),
    ...(typeof name === "string" && { name: startOfText(name, MAX_INFO_LENGTH) }),
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** Returns an object from a message; empty if the value is not an object. */
function fieldsOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}

/** @see {@link https://modelcontextprotocol.io/specification/2025-11-25/server/tools#listing-tools} */
async function listTools(peer: Peer, { cursor, signal }: ListOptions): Promise<ToolPage> {
  const params = cursor === undefined ? {} : { cursor };
  return readPage(await peer.request(LIST_TOOLS, params, { signal }));
}

function readPage(reply: Reply): ToolPage {
  if (!reply.ok) {
    const { error } = reply;
    const message = error.code === RPC_CODES.methodNotFound
      ? `it does not know ${LIST_TOOLS}`
      : `it did not list its tools: ${error.message}`;
    throw new CatalogError(message, { cause: error });
  }
  const { value, text, bytes } = reply.result;
  if (!isRecord(value)) {
    throw new CatalogError(`it answered ${LIST_TOOLS} with ${describeKind(value)}`);
  }
  const incomplete = describeIncomplete(value);
  if (incomplete !== undefined) {
    const message = `it answered ${LIST_TOOLS} with ${incomplete}, which is not a whole page`;
    throw new CatalogError(message);
  }
  const { tools, nextCursor } = value;
  if (!Array.isArray(tools)) {
    const problem = tools === undefined
      ? 'without "tools"'
      : `with "tools": ${describeKind(tools)}`;
    throw new CatalogError(`it answered ${LIST_TOOLS} ${problem}, where a list belongs`);
  }
  return {
    definitions: tools,
    definitionTexts: elementTexts(textAt(text.json, "tools") ?? "[]"),
    size: text.json.length,
    memory: measureParseCost(text.json, text.json.length === bytes).memory,
    nextCursor,
  };
}

function invoke(peer: Peer, options: InvokeOptions): Promise<Reply> {
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

function isToolError(answer: Reply, server: string): boolean {
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

/**
 * Describes the `resultType` of a result that does not complete its request. A server of a newer revision may
 * send that field.
 *
 * @returns `undefined` if the result is complete.
 */
function describeIncomplete({ resultType }: Readonly<Record<string, unknown>>): string | undefined {
  if (resultType === undefined || resultType === "complete") return undefined;
  return `resultType ${quoteValue(resultType)}`;
}

/** Quotes the beginning of a text; describes an object by its kind, because it may have millions of members. */
function quoteValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(startOfText(value, MAX_QUOTE_LENGTH));
  return typeof value === "object" ? describeKind(value) : String(value);
}

function describeKind(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function decodeRequest(request: IncomingRequest, server: string): ServerRequest | undefined {
  const { method } = request;
  if (method === "ping") return { kind: "answered", result: {} };
  const capability = Object.hasOwn(CLIENT_REQUESTS, method) ? CLIENT_REQUESTS[method] : undefined;
  if (capability === undefined) return undefined;
  const input: InputRequest = capability === "elicitation"
    ? decodeElicitation(request, server)
    : { kind: capability, params: request.paramText() };
  return { kind: "input", capability, input };
}

/** Adds the server's name to the message and the form's title: people must know which server they answer. */
function decodeElicitation(request: IncomingRequest, server: string): InputRequest {
  const { params } = request;
  if (!isRecord(params)) return { kind: "form", params: request.paramText() };
  const { mode, requestedSchema } = params;
  const message = withServerName(params.message, server);
  const schemaMember = isRecord(requestedSchema)
    ? {
      requestedSchema: {
        ...requestedSchema,
        title: withServerName(requestedSchema.title, server),
      },
    }
    : {};
  return { kind: mode === "url" ? "url" : "form", params: { ...params, message, ...schemaMember } };
}

/** @see {@link https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-elicitation-required-error} */
function decodeLinksError(
  { code, message, data }: RpcError,
  server: string,
): JsonText | undefined {
  if (code !== URL_ELICITATION_REQUIRED || !isRecord(data)) return undefined;
  if (!Array.isArray(data.elicitations)) return undefined;
  const elicitations = data.elicitations.filter(isRecord).map((elicitation) => {
    return { ...elicitation, message: withServerName(elicitation.message, server) };
  });
  return new JsonText(JSON.stringify({ code, message, data: { ...data, elicitations } }));
}

function withServerName(text: unknown, server: string): string {
  // Texts in brackets at the beginning could be read as the name of another server.
  const plainText = String(text ?? "").replace(/^(?:[\s\p{C}]*\[[^\]]*\])+[\s\p{C}]*/u, "");
  return plainText === "" ? `[${server}]` : `[${server}] ${plainText}`;
}

function decodeNotification(
  { method, params }: { readonly method: string; readonly params: unknown },
  server: string,
): ServerNotification | undefined {
  if (method === "notifications/tools/list_changed") return { kind: "tools-changed" };
  if (!isRecord(params)) return undefined;
  if (method === "notifications/message") {
    const logger = typeof params.logger === "string" ? `${server}/${params.logger}` : server;
    return { kind: "log", params: { ...params, logger } };
  }
  const { elicitationId } = params;
  return method === "notifications/elicitation/complete" && typeof elicitationId === "string" &&
      elicitationId.length <= MAX_ID_LENGTH
    ? { kind: "link-done", elicitationId }
    : undefined;
}
