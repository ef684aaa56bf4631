import { CallerError } from "../../errors.ts";
import type { Tool } from "../../downstream/mod.ts";
import {
  JsonText,
  type Result,
  RPC_CODES,
  textAt,
  utf8Bytes,
  withElement,
} from "../../jsonrpc/mod.ts";
import { nearNames } from "../../near_names.ts";
import { findMissingArguments, findSchemaErrors } from "./check_args.ts";
import { findServer } from "./find_server.ts";
import { AGENT_ID, ALWAYS_LOAD, type GatewayTool, type ObjectArgument } from "./tool.ts";

/** Longest schema that is shown with an error, in UTF-16 code units; some 4,000 tokens. */
const MAX_SCHEMA = 16 * 1024;

/** Where a schema is that is too long to be shown. */
const SEE_SCHEMA = 'get_server_tools with "names" returns the tool\'s schema.';

/** What a call without `args` sends. */
const NO_ARGS: ObjectArgument = { text: new JsonText("{}"), value: {} };

/** Calls a tool of a server and passes its result on as it is. */
export const executeTool: GatewayTool = {
  definition: {
    name: "execute_tool",
    description: "Call a server's tool. Get its schema by get_server_tools first. " +
      "Returns its result unchanged.",
    inputSchema: {
      type: "object",
      properties: {
        agent_id: AGENT_ID,
        server: { type: "string" },
        tool: { type: "string" },
        args: {
          type: "object",
          description: "Arguments per the tool's schema",
          additionalProperties: true,
        },
        timeout_ms: { type: "integer", minimum: 1 },
      },
      required: ["server", "tool"],
    },
    annotations: { title: "Call a tool", readOnlyHint: false },
    // Claude Code cuts results above its own limit, unless the tool says that it may be passed.
    _meta: { ...ALWAYS_LOAD, "anthropic/maxResultSizeChars": 500_000 },
  },

  // What models send that have the protocol's own word in mind.
  aliases: { arguments: "args" },

  question: ({ server, tool, args }) => ({
    kind: "tool",
    server: String(server),
    tool: String(tool),
    args: () => (typeof args === "object" ? args : NO_ARGS).value,
  }),

  async run(args, context) {
    const { caller, policy, meta, signal, onProgress, span } = context;
    const server = findServer(context, String(args.server));
    const { name } = server.config;
    const tool = String(args.tool);
    const { text, value: own } = typeof args.args === "object" ? args.args : NO_ARGS;
    const answer = await server.callTool({
      tool,
      args: text,
      lacksArguments: (listed) => findMissingArguments(listed, own).length > 0,
      meta,
      signal,
      span,
      timeoutMs: typeof args.timeout_ms === "number" ? args.timeout_ms : undefined,
      onProgress,
    }, caller);
    if (answer.kind === "no-such-tool") {
      const callable = answer.catalog.tools.map((known) => known.name).filter((known) => {
        return policy.allows(caller.agent, { kind: "tool", server: name, tool: known });
      });
      const near = nearNames(tool, callable, { most: 3 });
      const { shortfall } = answer.catalog;
      const hint = near.length > 0
        ? `Near names: ${near.join(", ")}`
        : shortfall ?? `Call get_server_tools with server "${name}" to see its tools`;
      throw new CallerError("TOOL_NOT_FOUND", `Server "${name}" has no tool "${tool}".`, { hint });
    }
    if (answer.kind === "missing-arguments") {
      const missing = findMissingArguments(answer.tool, own).join(", ");
      const message = `execute_tool: "args" for tool "${tool}" of server "${name}" has no ` +
        `${missing}, which the tool requires. The tool was not called. Add it and call again.`;
      throw new CallerError("INVALID_ARGUMENTS", message, helpFor(answer.tool, own));
    }
    const { reply, downstreamMs, isToolError } = answer;
    if (reply.ok) {
      const { text: result, bytes } = reply.result;
      const shown = isToolError ? explainError(reply.result, answer.tool, own) : { result, bytes };
      return { kind: "result", ...shown, downstreamMs, isToolError };
    }
    const { error } = reply;
    const isInvalid = error.code === RPC_CODES.invalidParams ||
      findSchemaErrors(answer.tool, own).length > 0;
    const inputSchema = isInvalid ? schemaText(answer.tool) : undefined;
    const help = inputSchema === undefined ? {} : { inputSchema };
    return { kind: "error", error, text: reply.text, ...help, downstreamMs };
  },
};

/** The tool's input schema as the server wrote it; `undefined` where it is too long to be shown. */
function schemaText(tool: Tool): string | undefined {
  const text = textAt(tool.text.text, "inputSchema") ?? "null";
  return text.length > MAX_SCHEMA ? undefined : text;
}

/** What a caller needs to know to make a call that fits: what does not, and the schema. */
function helpFor(
  tool: Tool,
  args: ObjectArgument["value"],
): { hint?: string; inputSchema?: unknown } {
  const schemaErrors = findSchemaErrors(tool, args);
  const hint = schemaErrors.length === 0 ? "" : `In args, ${schemaErrors.join("; ")}`;
  if (schemaText(tool) === undefined) return { hint: `${hint && `${hint}. `}${SEE_SCHEMA}` };
  const { inputSchema } = tool.definition;
  return { ...(hint === "" ? {} : { hint }), inputSchema };
}

/**
 * Adds to a tool's error what does not fit in the arguments, and the schema, so that the next call
 * fits. Any other error is passed on as it is.
 */
function explainError(
  { text: result, bytes }: Result,
  tool: Tool,
  args: ObjectArgument["value"],
): { result: JsonText; bytes: number } {
  const unchanged = { result, bytes };
  const schemaErrors = findSchemaErrors(tool, args);
  if (schemaErrors.length === 0) return unchanged;
  const schema = schemaText(tool);
  const hint = `In args, ${
    schemaErrors.join("; ")
  }. If this is the cause, correct args and call again.`;
  const help = schema === undefined
    ? JSON.stringify({ hint: `${hint} ${SEE_SCHEMA}` })
    : `{"hint":${JSON.stringify(hint)},"inputSchema":${schema}}`;
  const block = `{"type":"text","text":${JSON.stringify(help)}}`;
  const helped = withElement(result.text, { key: "content", element: block });
  if (helped === undefined) return unchanged;
  return { result: new JsonText(helped), bytes: utf8Bytes(helped) };
}
