import type {
  CodeCall,
  CodeCallContext,
  CodeCallOutcome,
  CodeError,
  CodeErrorKind,
} from "../../code/mod.ts";
import { DownstreamError } from "../../errors.ts";
import { OWN_SERVER, RUN_CODE } from "../../own_server.ts";
import { startOfText } from "../../text.ts";
import type { NestedOutcome, OwnTool, OwnToolContext } from "./tool.ts";

/** Maximum length of code, in UTF-16 code units. */
const MAX_CODE_LENGTH = 1024 * 1024;

/** Maximum length of a name in the list of the calls, in UTF-16 code units: code may call what does not exist. */
const MAX_NAME_LENGTH = 128;

/** The key of `_meta` with the list of the calls that the code made. */
const CALLS_KEY = "agent-mcp-gateway/calls";

/** The error code for each reason why a run has no result, unless the error has a code of its own. */
const ERROR_CODES: Readonly<Record<CodeErrorKind, string>> = {
  syntax: "SYNTAX_ERROR",
  threw: "CODE_ERROR",
  timeout: "TIMEOUT",
  memory: "OUT_OF_MEMORY",
  ended: "CODE_ENDED",
};

/** A call that the code made, as the result lists it. */
interface ListedCall {
  readonly server: string;
  readonly tool: string;
  /** Error code of the call, also if the run ended before it received the error; absent if the call succeeded. */
  code?: string;
}

/** Runs code, which calls tools as the same agent. */
export const runCode: OwnTool = {
  definition: {
    name: RUN_CODE,
    description:
      "Run JavaScript or TypeScript that calls tools: the body of an async function. `await tools.SERVER.TOOL(args)`, " +
      'or `await call("SERVER", "TOOL", args)`, returns structured content or else text (parsed if it is JSON), and ' +
      "throws an error with a code. Returns {result, logs}: the returned value and the output of console.log. No " +
      "files, no network. Use it to make many calls and return only what matters; get_server_tools with detail " +
      '"types" declares the tools.',
    inputSchema: {
      type: "object",
      properties: {
        code: { type: "string", maxLength: MAX_CODE_LENGTH },
        timeout_ms: { type: "integer", minimum: 1, description: "Shortens the time it may take" },
      },
      required: ["code"],
    },
    annotations: { title: "Run code", readOnlyHint: false },
  },

  async run({ code, timeout_ms }, context) {
    const { caller: { agent, permit }, signal, codeTimeoutMs } = context;
    const timeoutMs = Math.min(
      typeof timeout_ms === "number" ? timeout_ms : Infinity,
      codeTimeoutMs,
    );
    const calls: ListedCall[] = [];
    const sandboxes = await context.sandboxes();
    // The run must not hold a slot that its own calls need.
    permit?.pause();
    try {
      const outcome = await sandboxes.run(String(code), {
        agent,
        timeoutMs,
        signal,
        call: (call, callContext) => makeCall(call, { callContext, context, calls }),
      });
      const logs = JSON.stringify(outcome.logs);
      const meta = { [CALLS_KEY]: calls };
      return outcome.ok
        ? { json: `{"result":${outcome.result.json},"logs":${logs}}`, meta }
        : { json: `{"error":${writeError(outcome.error)},"logs":${logs}}`, isError: true, meta };
    } catch (error) {
      if (signal.aborted) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      const message = `The process that runs code could not be started: ${reason}. ` +
        "Call the tools with execute_tool instead";
      throw new DownstreamError("SERVER_UNAVAILABLE", OWN_SERVER, message, { cause: error });
    } finally {
      permit?.resume();
    }
  },
};

async function makeCall(
  call: CodeCall,
  { callContext, context, calls }: {
    readonly callContext: CodeCallContext;
    readonly context: OwnToolContext;
    readonly calls: ListedCall[];
  },
): Promise<CodeCallOutcome> {
  const { server, tool } = call;
  const { signal } = callContext;
  // If the code ends first, the call is cancelled.
  const listedCall: ListedCall = {
    server: startOfText(server, MAX_NAME_LENGTH),
    tool: startOfText(tool, MAX_NAME_LENGTH),
    code: "CANCELLED",
  };
  calls.push(listedCall);
  const nested = await context.callNested({ ...call, signal, clock: callContext });
  const outcome = toCallOutcome(server === OWN_SERVER ? unpackOwnError(nested) : nested);
  if (outcome.ok && nested.kind === "result" && nested.isToolError) listedCall.code = "TOOL_ERROR";
  else if (outcome.ok) delete listedCall.code;
  else listedCall.code = outcome.error.code;
  return outcome;
}

/** Unpacks the error in a result of an own tool: the own tools answer each error as such a result. */
function unpackOwnError(outcome: NestedOutcome): NestedOutcome {
  if (outcome.kind !== "result" || !outcome.isToolError) return outcome;
  const { content } = outcome.value as { readonly content: readonly { readonly text: string }[] };
  return { kind: "error", error: JSON.parse(content[0]?.text ?? "null").error };
}

function toCallOutcome(outcome: NestedOutcome): CodeCallOutcome {
  switch (outcome.kind) {
    case "result":
      return { ok: true, result: outcome.result };
    case "error":
      return { ok: false, error: outcome.error };
    case "rpc-error":
      return failed("TOOL_ERROR", outcome.message);
    case "internal-error":
      return failed(
        "INTERNAL_ERROR",
        `The gateway failed; its log has the reason under ${outcome.id}`,
      );
    case "cancelled":
      return failed("CANCELLED", "The call was cancelled");
  }
}

function failed(code: string, message: string): CodeCallOutcome {
  return { ok: false, error: { code, message } };
}

function writeError(
  { kind, code = ERROR_CODES[kind], message, line, column, stack, callError }: CodeError,
): string {
  return JSON.stringify({ ...callError, code, message, line, column, stack });
}
