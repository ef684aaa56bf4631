import { fieldsOf } from "../../json.ts";
import type { ClientCapabilities } from "../../downstream/mod.ts";
import { CallerError } from "../../errors.ts";
import { type IncomingRequest, JsonText, RPC_CODES, utf8Bytes } from "../../jsonrpc/mod.ts";
import { startOfText } from "../../text.ts";
import { MAX_UNKNOWN_NAME, type OperationRequest, type Outcome } from "../operation.ts";
import { type GatewayTool, parseArguments, readServerArguments } from "../tools/mod.ts";
import { canAsk } from "./input.ts";
import { type Answer, type DecodingContext, readRequest, type RequestDecoder } from "./request.ts";
import { encodeInternalError } from "./rpc_operation.ts";

/** Decodes `tools/call`. Errors are results, which clients show to the model, except for an unknown name. */
export const decodeToolCall: RequestDecoder = (request, context) => {
  const { name } = fieldsOf(request.params);
  const tool = typeof name === "string" ? context.findTool(name) : undefined;
  if (tool !== undefined) return decodeGatewayCall(request, { tool, context });
  const isDirect = typeof name === "string" && context.hasDirectTools();
  return isDirect
    ? decodeDirectCall(request, { offeredName: name, context })
    : decodeUnknownCall(request, context);
};

/** Decodes the call of a tool that neither the gateway nor a server has. */
const decodeUnknownCall: RequestDecoder = (request, context) => {
  const { name: calledTool, arguments: args } = fieldsOf(request.params);
  // Converting an object to a string may throw (`{"toString": null}`).
  const text = typeof calledTool === "object" ? "(not a string)" : String(calledTool);
  const unknownTool = startOfText(text, MAX_UNKNOWN_NAME);
  const message = `Unknown tool: ${unknownTool}. This server has ${context.toolNames()}; ` +
    "tools of other servers are called through execute_tool.";
  const { capabilities } = context;
  return {
    ...readRequest(request, context),
    claimedAgent: readAgentId(args),
    name: request.method,
    unknownTool,
    decode() {
      throw new CallerError("TOOL_NOT_FOUND", message);
    },
    encode: (outcome) => encodeUnlisted(outcome, { name: request.method, capabilities }),
  };
};

/** Decodes the call of a server's tool by the name under which clients see it. All arguments are the tool's own. */
function decodeDirectCall(
  request: IncomingRequest,
  { offeredName, context }: { readonly offeredName: string; readonly context: DecodingContext },
): OperationRequest<Answer> {
  const { capabilities } = context;
  const name = "direct";
  return {
    ...readRequest(request, context),
    claimedAgent: undefined,
    name,
    unknownTool: startOfText(offeredName, MAX_UNKNOWN_NAME),
    decode: () => {
      const { arguments: value } = fieldsOf(request.params);
      const args = readServerArguments(startOfText(offeredName, MAX_UNKNOWN_NAME), {
        value,
        text: request.paramText("arguments"),
      });
      return { kind: "direct-tool", offeredName, args };
    },
    encode: (outcome) => encodeUnlisted(outcome, { name, capabilities }),
  };
}

/** Decodes the call of one of the gateway's own tools. */
function decodeGatewayCall(
  request: IncomingRequest,
  { tool, context }: { readonly tool: GatewayTool; readonly context: DecodingContext },
): OperationRequest<Answer> {
  const { arguments: args } = fieldsOf(request.params);
  const { capabilities } = context;
  const { name } = tool.definition;
  return {
    ...readRequest(request, context),
    claimedAgent: readAgentId(args),
    name,
    decode: () => {
      const textOf = (argument: string): JsonText | undefined =>
        request.paramText("arguments", argument);
      const parsedArgs = parseArguments(tool, { args, textOf });
      return "serverCall" in tool
        ? tool.serverCall(parsedArgs)
        : { kind: "gateway-tool", tool, args: parsedArgs };
    },
    encode: (outcome) => encodeOutcome(outcome, { name, capabilities }),
  };
}

/** Encodes the outcome of a call by a name that no tool may have; an unknown name is a JSON-RPC error. */
function encodeUnlisted(outcome: Outcome, context: EncodingContext): Answer {
  const isUnknown = outcome.kind === "failed" && outcome.error.code === "TOOL_NOT_FOUND";
  if (!isUnknown) return encodeOutcome(outcome, context);
  const { error: data } = outcome;
  return { kind: "error", error: { code: RPC_CODES.invalidParams, message: data.message, data } };
}

function readAgentId(args: unknown): string | undefined {
  const { agent_id } = fieldsOf(args);
  return typeof agent_id === "string" && agent_id !== "" ? agent_id : undefined;
}

/** The context in which an outcome is encoded. */
interface EncodingContext {
  readonly name: string;
  readonly capabilities: ClientCapabilities;
}

function encodeOutcome(outcome: Outcome, { name, capabilities }: EncodingContext): Answer {
  switch (outcome.kind) {
    case "gateway-result":
      return gatewayResult(outcome);
    case "result":
      return { kind: "result", result: outcome.result, bytes: outcome.bytes };
    case "denied":
    case "failed":
      return errorResult(JSON.stringify({ error: outcome.error }));
    case "rpc-error":
      if (outcome.urlInputError !== undefined && canAsk(capabilities, "url")) {
        return { kind: "error", error: outcome.urlInputError };
      }
      return errorResult(`{"error":${rpcErrorText(outcome)}}`);
    case "input-required":
      throw new TypeError("A client of these revisions is asked for input during the request");
    case "cancelled":
      return { kind: "none" };
    case "internal-error":
      return encodeInternalError(outcome, name);
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
): Answer {
  const content = structuredJson === undefined ? "" : `,"structuredContent":${structuredJson}`;
  const result = new JsonText(`{"content":${textBlock(json)}${content}}`);
  return { kind: "result", result, bytes: utf8Bytes(result.json) };
}

function errorResult(text: string): Answer {
  return {
    kind: "result",
    result: new JsonText(`{"content":${textBlock(text)},"isError":true}`),
  };
}

function textBlock(text: string): string {
  return `[{"type":"text","text":${JSON.stringify(text)}}]`;
}
