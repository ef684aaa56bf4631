import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import type { Reply } from "../jsonrpc/mod.ts";
import type { CallClock } from "./call_clock.ts";
import type { Span } from "../trace.ts";
import type { Caller, ToolCall } from "./caller.ts";
import type { Tool } from "./catalog.ts";
import type { Session } from "./session.ts";

/** What is called, for whom, and until when. */
export interface RunningCall {
  readonly config: ServerConfig;
  readonly tool: Tool;
  readonly call: ToolCall;
  readonly caller: Caller;
  readonly clock: CallClock;
}

/**
 * Calls a tool on a session: its clock runs from here on and is restarted by progress, and its span
 * goes on at the server.
 *
 * @param session The session.
 * @param running The call.
 * @see {@link https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/}
 */
export async function callOnSession(session: Session, running: RunningCall): Promise<Reply> {
  const { config, tool, call, caller: { link }, clock } = running;
  const span = call.span.child(`tools/call ${tool.name}`, {
    kind: "client",
    attributes: {
      "mcp.method.name": "tools/call",
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": tool.name,
      "network.transport": config.connect.kind === "stdio" ? "pipe" : "tcp",
      "gateway.server": config.name,
    },
  });
  const onProgress = (params: Readonly<Record<string, unknown>>): void => {
    clock.restart();
    call.onProgress?.(params);
  };
  const meta = span.carry(call.meta ?? {});
  clock.restart();
  try {
    const { signal } = clock;
    const reply = await session.callTool(tool, { ...call, meta, onProgress }, { link, signal });
    noteFailure(span, reply);
    return reply;
  } catch (error) {
    span.fail(error instanceof DownstreamError ? error.code : "CANCELLED");
    throw error;
  } finally {
    span.end();
  }
}

/** What the server says went wrong. */
function noteFailure(span: Span, reply: Reply): void {
  if (!reply.ok) {
    const code = String(reply.error.code);
    span.set({ "rpc.response.status_code": code });
    span.fail(code);
    return;
  }
  const { value } = reply.result;
  const isError = typeof value === "object" && value !== null && "isError" in value &&
    value.isError === true;
  if (isError) span.fail("tool_error");
}
