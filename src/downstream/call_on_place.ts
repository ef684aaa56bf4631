import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import type { Reply } from "../jsonrpc/mod.ts";
import type { Span } from "../trace.ts";
import type { CallClock } from "./call_clock.ts";
import type { CallAnswer, Caller, ToolCall } from "./caller.ts";
import type { Catalog, Tool } from "./catalog.ts";
import type { ToolListCache } from "./tool_list_cache.ts";
import type { PooledSession } from "./pool.ts";
import { untilAborted } from "./until_aborted.ts";

/** What is called, for whom, and until when; the tool is still to be found. */
export interface WantedCall {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** The server's lists of tools. */
  readonly listings: ToolListCache;
  /** Which of them is the caller's. */
  readonly listKey: string;
  /** The call. */
  readonly call: ToolCall;
  /** Who calls. */
  readonly caller: Caller;
  /** Ends the call. */
  readonly clock: CallClock;
  /** The tool that is called, from then on, and not only looked for. */
  called: Tool | undefined;
}

/**
 * Looks for a tool, waits in line, and calls it on a session that may still be connecting. Its clock
 * runs from there on and is restarted by progress, and its span goes on at the server.
 *
 * Each call comes through here, so what is there already is not waited for.
 *
 * @param place The session.
 * @param wanted The call.
 */
export async function callOnPlace(place: PooledSession, wanted: WantedCall): Promise<CallAnswer> {
  const { session, line } = place;
  const { listings, listKey, call, caller, clock } = wanted;
  const { signal } = clock;
  let tool = listings.known(listKey)?.get(call.tool);
  if (!isCallable(tool, call)) {
    const catalog = await lookFor(place, wanted);
    tool = catalog.get(call.tool);
    if (tool === undefined) return { kind: "no-such-tool", catalog };
    if (!isCallable(tool, call)) return { kind: "missing-arguments", tool };
  }
  const queue = call.span.child("queue");
  try {
    const turn = line.enter(caller.agent, signal);
    if (turn !== undefined) await turn;
  } finally {
    queue.end();
  }
  try {
    // The list may be known while this session still connects, and may do so for long.
    if (session.state === "connecting") await untilAborted(session.ready(), signal);
    wanted.called = tool;
    const span = beginSpan(tool, wanted);
    const started = clock.restart();
    const onProgress = (params: Readonly<Record<string, unknown>>): void => {
      clock.restart();
      call.onProgress?.(params);
    };
    const sent = { tool, args: call.args, meta: span.carry(call.meta), onProgress };
    try {
      const reply = await session.callTool(sent, { link: caller.link, clock });
      const isToolError = hasToolError(reply);
      noteFailure(span, reply, isToolError);
      const downstreamMs = performance.now() - started;
      return { kind: "answer", reply, tool, downstreamMs, isToolError };
    } catch (error) {
      span.fail(error instanceof DownstreamError ? error.code : "CANCELLED");
      throw error;
    } finally {
      span.end();
    }
  } finally {
    line.leave();
  }
}

/** Whether the tool is there and may take the call. */
function isCallable(tool: Tool | undefined, { lacksArguments }: ToolCall): tool is Tool {
  return tool !== undefined && !(lacksArguments?.(tool) ?? false);
}

/**
 * The list that should have the tool, asked for afresh where the one that is known does not have it,
 * or has one that cannot take the call.
 */
async function lookFor(
  { session }: PooledSession,
  { listings, listKey, call, clock: { signal } }: WantedCall,
): Promise<Catalog> {
  // Not through listTools: with a session for each call that would start another one.
  const catalog = await listings.coming(listKey, signal) ??
    await untilAborted(listings.ask(session, listKey), signal);
  if (isCallable(catalog.get(call.tool), call)) return catalog;
  return await untilAborted(listings.ask(session, listKey, true), signal);
}

/** @see {@link https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/} */
function beginSpan(tool: Tool, { call, config }: WantedCall): Span {
  return call.span.child(`tools/call ${tool.name}`, {
    kind: "client",
    attributes: {
      "mcp.method.name": "tools/call",
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": tool.name,
      "network.transport": config.connect.kind === "stdio" ? "pipe" : "tcp",
      "gateway.server": config.name,
    },
  });
}

/** What the server says went wrong. */
function noteFailure(span: Span, reply: Reply, isToolError: boolean): void {
  if (!reply.ok) {
    const code = String(reply.error.code);
    span.set({ "rpc.response.status_code": code });
    span.fail(code);
  } else if (isToolError) span.fail("tool_error");
}

/** Whether the tool itself says that it failed: a result with `isError`. */
function hasToolError(reply: Reply): boolean {
  if (!reply.ok) return false;
  const { value } = reply.result;
  return typeof value === "object" && value !== null && "isError" in value &&
    value.isError === true;
}
