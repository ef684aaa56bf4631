import { CallerError } from "../../errors.ts";
import type { CallOutcome, GivenInput, InputNeeded, ItemList, Tool } from "../../downstream/mod.ts";
import {
  JsonText,
  type Result,
  RPC_CODES,
  type RpcError,
  textAt,
  utf8Bytes,
  withElement,
} from "../../jsonrpc/mod.ts";
import { longWork } from "../../long_work.ts";
import { similarNames } from "../../similar_names.ts";
import type { Meta, Span } from "../../trace.ts";
import { findMissingArguments, findSchemaErrors } from "./check_args.ts";
import { findServer, listedToolRequest } from "./find_server.ts";
import type { ObjectArgument, ServerCall, ToolContext } from "./tool.ts";

/** Maximum length of a schema shown with an error, in UTF-16 code units; about 4,000 tokens. */
const MAX_SCHEMA_LENGTH = 16 * 1024;

/** The words of messages for agents, which depend on the tools that the agent sees. */
interface Words {
  /** Names the arguments of the tool. */
  readonly args: string;
  /** Says where to see a schema that is too long to show. */
  readonly longSchema: string;
}

const META_FACE_WORDS: Words = {
  args: "args",
  longSchema: 'get_server_tools with "names" returns the tool\'s schema.',
};

const DIRECT_FACE_WORDS: Words = {
  args: "the arguments",
  longSchema: "The list of tools has the tool's schema.",
};

/** Maximum number of similar names that are shown with an unknown name. */
const MAX_SIMILAR = 3;

/** The arguments of a call without `args`. */
const NO_ARGS: ObjectArgument = { text: new JsonText("{}"), value: {} };

/** The context of a call of a server's tool. */
export interface ServerCallContext {
  /** The caller, the servers and the rules. */
  readonly toolContext: ToolContext;
  /** Name of the gateway's tool that the agent called. */
  readonly gatewayToolName: string;
  /** Fields of the request's `_meta`; absent if there are none. */
  readonly meta: Meta | undefined;
  /** The input for a call that is sent again because the server needed it; absent when a call is first sent. */
  readonly givenInput: GivenInput | undefined;
  /** Receives the server's progress; absent if the client did not ask for it. */
  readonly onProgress: ((params: Readonly<Record<string, unknown>>) => void) | undefined;
  /** The operation's span. */
  readonly span: Span;
  /** Called before the call is sent; the call waits for the promise, and is not sent if it rejects. */
  readonly beforeSend: (tool: Tool, isRemembered: boolean) => Promise<void> | undefined;
  /** Whether the decision depends on the tool's definition, so that only the list of the session itself counts. */
  readonly needsOwnList: boolean;
  /** Called with the parsed result, if the answer is one. */
  readonly onResult: (result: unknown) => void;
}

/** The answer of a server. */
export type ServerAnswer =
  /** A result as the server wrote it; an error of the tool may have additional help. */
  | {
    readonly kind: "result";
    readonly result: JsonText;
    /** The parsed result, without the help. */
    readonly value: unknown;
    /** Size of the result in UTF-8 bytes. */
    readonly bytes: number;
    readonly downstreamMs: number;
    readonly isToolError: boolean;
  }
  /** A JSON-RPC error. */
  | {
    readonly kind: "rpc-error";
    readonly error: RpcError;
    /** The error as the server wrote it. */
    readonly text: JsonText;
    /**
     * A member to add to the error, as JSON text: the tool's schema, if it may help to correct the call.
     */
    readonly extraMemberJson?: string;
    /** The error for a client that supports links, if it asks for the person to open some. */
    readonly urlInputError: JsonText | undefined;
    readonly downstreamMs: number;
  };

/**
 * Calls a server's tool.
 *
 * @param call The call, which has been allowed.
 * @param context The caller, the servers, and the request that the call belongs to.
 * @throws {CallerError} The tool does not exist, or the call lacks required arguments.
 * @throws {DownstreamError} The server failed.
 */
export async function callServerTool(
  call: ServerCall,
  context: ServerCallContext,
): Promise<ServerAnswer | InputNeeded> {
  const {
    toolContext,
    gatewayToolName,
    meta,
    givenInput,
    span,
    onProgress,
    beforeSend,
    needsOwnList,
  } = context;
  const { caller, signal } = toolContext;
  const { tool, timeoutMs, args: { text, value: args } = NO_ARGS } = call;
  const server = findServer(toolContext, call.server);
  const answer = await server.callTool({
    tool,
    args: text,
    lacksArguments: (listedTool) => findMissingArguments(listedTool, args).length > 0,
    meta,
    givenInput,
    signal,
    span,
    beforeSend,
    needsOwnList,
    timeoutMs,
    onProgress,
  }, caller);
  switch (answer.kind) {
    case "no-such-tool": {
      const { tools } = answer;
      const createError = () => unknownToolError(call, tools, toolContext);
      throw tools.isLong ? await longWork.run(`agent ${caller.agent}`, createError) : createError();
    }
    case "missing-arguments":
      throw missingArgumentsError(call, { gatewayToolName, tool: answer.tool, args });
    case "input-required":
      return answer;
    case "replied":
      if (answer.reply.ok) context.onResult(answer.reply.result.value);
      return toServerAnswer(answer, args, wordsOf(call));
  }
}

function wordsOf({ isDirect = false }: ServerCall): Words {
  return isDirect ? DIRECT_FACE_WORDS : META_FACE_WORDS;
}

function toServerAnswer(
  { reply, tool, downstreamMs, isToolError, urlInputError }: CallOutcome & {
    readonly kind: "replied";
  },
  args: ObjectArgument["value"],
  words: Words,
): ServerAnswer {
  if (reply.ok) {
    const { text: result, value, bytes } = reply.result;
    const shownResult = isToolError
      ? withSchemaHelp(reply.result, { tool, args, words })
      : { result, bytes };
    return { kind: "result", ...shownResult, value, downstreamMs, isToolError };
  }
  const { error, text } = reply;
  const argumentsMayBeWrong = error.code === RPC_CODES.invalidParams ||
    findSchemaErrors(tool, args).length > 0;
  const answer = { kind: "rpc-error", error, text, urlInputError, downstreamMs } as const;
  return argumentsMayBeWrong ? { ...answer, extraMemberJson: schemaMember(tool, words) } : answer;
}

function unknownToolError(
  { server, tool, isDirect = false }: ServerCall,
  tools: ItemList,
  { policy, caller: { agent } }: ToolContext,
): CallerError {
  // Compare the names first: there may be thousands of tools, and each decision takes time.
  const { items, incompleteReason, completeness } = tools;
  const similarTools = similarNames(tool, items.map(({ name }) => name)).values()
    .filter((name) => {
      const item = tools.get(name);
      return item !== undefined && policy.allows(agent, listedToolRequest(server, item));
    })
    .take(MAX_SIMILAR).toArray();
  const listing = isDirect
    ? "List the tools again"
    : `Call get_server_tools with server "${server}" to see its tools`;
  const hint = similarTools.length > 0
    ? `Similar names: ${similarTools.join(", ")}`
    : incompleteReason ?? (completeness === "empty" ? "It offers no tools" : listing);
  const message = `Server "${server}" has no tool "${tool}".`;
  return new CallerError("TOOL_NOT_FOUND", message, { hint });
}

function missingArgumentsError(
  call: ServerCall,
  { gatewayToolName, tool, args }: {
    readonly gatewayToolName: string;
    readonly tool: Tool;
    readonly args: ObjectArgument["value"];
  },
): CallerError {
  const { server, tool: name, isDirect = false } = call;
  const missingArguments = findMissingArguments(tool, args).join(", ");
  const subject = isDirect ? '"arguments"' : `${gatewayToolName}: "args"`;
  const message = `${subject} for tool "${name}" of server "${server}" has no ` +
    `${missingArguments}, which the tool requires. The tool was not called. Add what is missing and call again.`;
  return new CallerError("INVALID_ARGUMENTS", message, correctionHelp(tool, args, wordsOf(call)));
}

/** Returns the tool's input schema as the server wrote it; `undefined` if it is too long to show. */
function schemaText(tool: Tool): string | undefined {
  const text = textAt(tool.text.json, "inputSchema") ?? "null";
  return text.length > MAX_SCHEMA_LENGTH ? undefined : text;
}

/**
 * Writes the schema as the text of an object's member; for a schema that is too long, a hint where to see
 * it.
 */
function schemaMember(tool: Tool, { longSchema }: Words): string {
  const schema = schemaText(tool);
  return schema === undefined ? `"hint":${JSON.stringify(longSchema)}` : `"inputSchema":${schema}`;
}

/** Returns details that help to correct a call: the schema errors, and the schema. */
function correctionHelp(
  tool: Tool,
  args: ObjectArgument["value"],
  words: Words,
): { hint?: string; inputSchema?: unknown } {
  const schemaErrors = findSchemaErrors(tool, args);
  const hint = schemaErrors.length === 0 ? "" : `In ${words.args}, ${schemaErrors.join("; ")}`;
  if (schemaText(tool) === undefined) return { hint: `${hint && `${hint}. `}${words.longSchema}` };
  const { inputSchema } = tool.definition;
  return { ...(hint === "" ? {} : { hint }), inputSchema };
}

/**
 * Adds the schema errors of the arguments, and the schema, to a tool's error, so that the next call can
 * succeed. An error of a call with valid arguments is passed on unchanged.
 */
function withSchemaHelp(
  { text: result, bytes }: Result,
  { tool, args, words }: {
    readonly tool: Tool;
    readonly args: ObjectArgument["value"];
    readonly words: Words;
  },
): { result: JsonText; bytes: number } {
  const unchanged = { result, bytes };
  const schemaErrors = findSchemaErrors(tool, args);
  if (schemaErrors.length === 0) return unchanged;
  const schema = schemaText(tool);
  const hint = `In ${words.args}, ${schemaErrors.join("; ")}. ` +
    `If this is the cause, correct ${words.args} and call again.`;
  const help = schema === undefined
    ? JSON.stringify({ hint: `${hint} ${words.longSchema}` })
    : `{"hint":${JSON.stringify(hint)},"inputSchema":${schema}}`;
  const block = `{"type":"text","text":${JSON.stringify(help)}}`;
  const resultWithHelp = withElement(result.json, { key: "content", element: block });
  if (resultWithHelp === undefined) return unchanged;
  return { result: new JsonText(resultWithHelp), bytes: utf8Bytes(resultWithHelp) };
}
