/**
 * The client codec of the MCP revisions from 2024-11-05 to 2025-11-25, which are equal in everything
 * that the gateway decodes or encodes.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/server/tools}
 */
import {
  type ClientCapabilities,
  type InputKind,
  type InputRequest,
  type InputResponse,
  readCapabilities,
} from "../../downstream/mod.ts";
import {
  type IncomingRequest,
  JsonText,
  type Payload,
  type Reply,
  RPC_CODES,
  type RpcError,
  utf8Bytes,
} from "../../jsonrpc/mod.ts";
import { isRecord } from "../../json.ts";
import { CallerError } from "../../errors.ts";
import { startOfText } from "../../text.ts";
import { REVISIONS } from "../../revisions.ts";
import { MAX_UNKNOWN_NAME, type OperationRequest, type Outcome } from "../operation.ts";
import { type GatewayTool, parseArguments } from "../tools/mod.ts";

/** Maximum length of a progress token, which every progress message repeats, in UTF-16 code units. */
const MAX_TOKEN_LENGTH = 1000;

/** Parameters of a request, or a part of them. */
export type Fields = Readonly<Record<string, unknown>>;

/** The answer to `tools/call`. */
export type ToolCallAnswer =
  | { readonly kind: "result"; readonly result: JsonText; readonly bytes?: number }
  | { readonly kind: "error"; readonly error: JsonText | RpcError; readonly bytes?: never }
  /** The request was cancelled. */
  | { readonly kind: "none"; readonly bytes?: never };

/** The context of a `tools/call`. */
export interface CallContext {
  /** The gateway's tool that the call names; `undefined` if there is none of this name. */
  readonly tool: GatewayTool | undefined;
  /** Names of the gateway's tools that the client may call. */
  readonly toolNames: () => string;
  /** Capabilities of the client. */
  readonly capabilities: ClientCapabilities;
  /** Number of the client's unanswered requests, including this one. */
  readonly unansweredCount: number;
  /** Sends progress of this request to the client. */
  readonly notifyProgress: (params: Fields) => void;
}

/** Decodes `tools/call`. */
export function decodeCall(
  request: IncomingRequest,
  { tool, toolNames, capabilities, unansweredCount, notifyProgress }: CallContext,
): OperationRequest<ToolCallAnswer> {
  const { name: calledTool, arguments: args, _meta } = fieldsOf(request.params);
  const meta = _meta === undefined ? undefined : fieldsOf(_meta);
  const token = meta?.["progressToken"];
  const common = {
    method: request.method,
    claimedAgent: readAgentId(args),
    meta,
    requestId: JSON.parse(request.id),
    unansweredCount,
    memory: request.memory,
    signal: request.signal,
    // Progress of a server carries the gateway's token, but the client expects its own token.
    onProgress: isProgressToken(token)
      ? (params: Fields) => notifyProgress({ ...params, progressToken: token })
      : undefined,
  };
  if (tool === undefined) {
    const unknownTool = startOfText(String(calledTool), MAX_UNKNOWN_NAME);
    const message = `Unknown tool: ${unknownTool}. This server has ${toolNames()}; ` +
      "tools of other servers are called through execute_tool.";
    return {
      ...common,
      name: request.method,
      unknownTool,
      decode() {
        throw new CallerError("TOOL_NOT_FOUND", message);
      },
      encode: (outcome) =>
        outcome.kind === "failed" && outcome.error.code === "TOOL_NOT_FOUND"
          ? { kind: "error", error: { code: RPC_CODES.invalidParams, message } }
          : encodeOutcome(outcome, { name: request.method, capabilities }),
    };
  }
  const { name } = tool.definition;
  return {
    ...common,
    name,
    decode: () => {
      const textOf = (argument: string): JsonText | undefined =>
        request.paramText("arguments", argument);
      const parsed = parseArguments(tool, { args, textOf });
      return "serverCall" in tool
        ? tool.serverCall(parsed)
        : { kind: "gateway-tool", tool, args: parsed };
    },
    encode: (outcome) => encodeOutcome(outcome, { name, capabilities }),
  };
}

/** Decodes the parameters of `initialize`; returns a JSON-RPC error if they are invalid. */
export function decodeInitialize(
  params: unknown,
): { readonly revision: string; readonly capabilities: ClientCapabilities } | RpcError {
  const { protocolVersion, capabilities } = fieldsOf(params);
  if (typeof protocolVersion !== "string") {
    const message = 'initialize needs "protocolVersion", a string';
    return { code: RPC_CODES.invalidParams, message };
  }
  const revision = REVISIONS.find((known) => known === protocolVersion) ?? REVISIONS[0];
  return { revision, capabilities: readCapabilities(capabilities) };
}

/**
 * Encodes the answer to `initialize`.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#version-negotiation}
 */
export function encodeInitialize(
  revision: string,
  { version, instructions }: { readonly version: string; readonly instructions: string },
): Payload {
  return {
    protocolVersion: revision,
    capabilities: { tools: {}, logging: {} },
    serverInfo: { name: "agent-mcp-gateway", title: "Agent MCP Gateway", version },
    instructions,
  };
}

const INPUT_METHODS: Readonly<Record<InputKind, string>> = {
  form: "elicitation/create",
  url: "elicitation/create",
  sampling: "sampling/createMessage",
  roots: "roots/list",
};

/**
 * Whether a client can be asked for a kind of input. A client that declares elicitation without modes
 * has forms.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#capabilities}
 */
export function canAsk(
  { elicitation, sampling, roots }: ClientCapabilities,
  kind: InputKind,
): boolean {
  const declaredCapabilities = { form: elicitation, url: elicitation?.url, sampling, roots };
  return declaredCapabilities[kind] !== undefined;
}

/** Encodes a server's request for the user's input. */
export function encodeInput(
  { kind, params }: InputRequest,
): { readonly method: string; readonly params: Payload | undefined } {
  return { method: INPUT_METHODS[kind], params };
}

/** Decodes the client's answer to a request for input. */
export function decodeInput(reply: Reply, kind: InputKind): InputResponse {
  if (!reply.ok) return { kind: "failed", error: reply.text };
  const { result } = reply;
  const isElicitation = kind === "form" || kind === "url";
  const { action } = isElicitation ? fieldsOf(result.value) : { action: "accept" };
  if (action === "accept") return { kind: "accepted", result };
  return { kind: action === "cancel" ? "cancelled" : "declined", result };
}

/** Returns the fields of an object; none for any other value. */
export function fieldsOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}

function isProgressToken(token: unknown): token is string | number {
  return typeof token === "number" ||
    (typeof token === "string" && token.length <= MAX_TOKEN_LENGTH);
}

function readAgentId(args: unknown): string | undefined {
  const { agent_id } = fieldsOf(args);
  return typeof agent_id === "string" && agent_id !== "" ? agent_id : undefined;
}

function encodeOutcome(
  outcome: Outcome,
  { name, capabilities }: {
    readonly name: string;
    readonly capabilities: ClientCapabilities;
  },
): ToolCallAnswer {
  switch (outcome.kind) {
    case "gateway-result":
      return gatewayResult(outcome);
    case "result":
      return { kind: "result", result: outcome.result, bytes: outcome.bytes };
    case "denied":
    case "failed":
      return errorResult(JSON.stringify({ error: outcome.error }));
    case "rpc-error":
      if (outcome.linksError !== undefined && canAsk(capabilities, "url")) {
        return { kind: "error", error: outcome.linksError };
      }
      return errorResult(`{"error":${rpcErrorText(outcome)}}`);
    case "cancelled":
      return { kind: "none" };
    case "internal-error": {
      const message = `The gateway failed to run ${name}; its log has the reason under ` +
        outcome.id;
      return { kind: "error", error: { code: RPC_CODES.internalError, message } };
    }
  }
}

/** Writes a server's JSON-RPC error, with the outcome's extra member if there is one. */
function rpcErrorText(
  { text: { json: text }, extraMemberJson }: Outcome & { readonly kind: "rpc-error" },
): string {
  // The member is added to the server's text, because parsing would round numbers. The text is a non-empty
  // object.
  return extraMemberJson === undefined
    ? text
    : `${text.slice(0, text.lastIndexOf("}"))},${extraMemberJson}}`;
}

function gatewayResult(
  { json, structuredJson }: Outcome & { readonly kind: "gateway-result" },
): ToolCallAnswer {
  const content = structuredJson === undefined ? "" : `,"structuredContent":${structuredJson}`;
  const result = new JsonText(`{"content":${textBlock(json)}${content}}`);
  return { kind: "result", result, bytes: utf8Bytes(result.json) };
}

function errorResult(text: string): ToolCallAnswer {
  return {
    kind: "result",
    result: new JsonText(`{"content":${textBlock(text)},"isError":true}`),
  };
}

function textBlock(text: string): string {
  return `[{"type":"text","text":${JSON.stringify(text)}}]`;
}
