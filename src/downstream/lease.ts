import { CallerError, DownstreamError } from "../errors.ts";
import { isRecord } from "../json.ts";
import type { CancelSignal } from "../jsonrpc/mod.ts";
import type { CallClock } from "./call_clock.ts";
import type { Caller } from "./caller.ts";
import {
  isReadOnly,
  type ItemList,
  type ListKind,
  type ServerLists,
  type Tool,
} from "./catalog/mod.ts";
import type {
  CallOptions,
  CallOutcome,
  InputNeeded,
  Invocation,
  ItemCall,
  ItemCallOptions,
  RequestOutcome,
  SubscriptionInvocation,
  ToolCall,
} from "./invocation.ts";
import { markFailure, startSpan } from "./invocation_span.ts";
import { readOwnList, refuseHeldBack, requirePinned } from "./pin_check.ts";
import type { PooledSession, SessionPool } from "./pool.ts";
import { explainUnforwarded } from "./missing_capability.ts";
import { remoteFailureBehind } from "./remote_failure.ts";
import type { ServerInfo } from "./revisions/mod.ts";
import type { Session } from "./session.ts";
import { untilAborted } from "./until_aborted.ts";

/** Suggested delay of the next call while a server does not read, in milliseconds. */
const RETRY_MS = 1000;

/** Options of a lease. */
export interface LeaseOptions {
  /** The sessions. */
  readonly pool: SessionPool;
  /** The caller that the session is for. */
  readonly caller: Caller;
  /** The lists of the server. */
  readonly lists: ServerLists;
  /** The session to hold; `undefined` for that of the caller, which may be started. */
  readonly pooled: PooledSession | undefined;
  /** Cancels waiting for the session and for its lists; its reason is thrown. */
  readonly signal: CancelSignal;
}

/** Options of an invocation. */
interface InvocationOptions {
  readonly call: CallOptions;
  /** Called before the invocation is sent; see `ToolCall`. */
  readonly beforeSend: (() => Promise<void> | undefined) | undefined;
  /** Whether the definition of the tool is remembered; see `ToolCall`. Default: no. */
  readonly isRemembered?: boolean;
  /** Finds the tool again, for an invocation of one. */
  readonly renewTool?: () => Promise<Tool | undefined>;
  readonly clock: CallClock;
}

/** The outcome of an invocation. */
type InvocationOutcome =
  | InputNeeded
  | RequestOutcome & {
    /** Whether a tool itself answered with an error. */
    readonly isToolError: boolean;
  };

/** A session of a server, which may still be connecting, held for one operation of a caller. */
export class Lease implements Disposable {
  /** The session in its pool. */
  readonly pooledSession: PooledSession;
  readonly #options: LeaseOptions;
  #sentCall: "nothing" | "repeatable" | "unrepeatable" = "nothing";

  /**
   * Takes a session from the pool, which may start one.
   *
   * @param options The pool, and the caller.
   */
  constructor(options: LeaseOptions) {
    this.#options = options;
    const { pool, caller, pooled } = options;
    if (pooled !== undefined) pool.hold(pooled);
    this.pooledSession = pooled ?? pool.acquire(caller);
  }

  /** Releases the session. */
  [Symbol.dispose](): void {
    this.#options.pool.release(this.pooledSession);
  }

  /** The session. */
  get session(): Session {
    return this.pooledSession.session;
  }

  /** Whether an invocation has been sent, so that the server may have carried it out. */
  get hasSent(): boolean {
    return this.#sentCall !== "nothing";
  }

  /**
   * Waits for the handshake.
   *
   * @throws {DownstreamError} if the server did not start.
   */
  ready(): Promise<ServerInfo> {
    return untilAborted(this.session.ready(), this.#options.signal);
  }

  /**
   * Returns a list of the server, from the cache, from a pending request or from a new one.
   *
   * @param kind The list.
   * @param isForced Whether to request the list again although it is cached; an `empty` list never is.
   * @throws {DownstreamError} if the server is not available or does not answer.
   */
  async list(kind: ListKind, isForced = false): Promise<ItemList> {
    const { signal } = this.#options;
    const recalling = this.#options.lists.recall(this.pooledSession.capabilitiesKey);
    if (recalling !== undefined) await untilAborted(recalling, signal);
    const lists = this.#options.lists.of(kind);
    const pendingList = isForced ? undefined : lists.pendingList(this.pooledSession, signal);
    return (pendingList && await pendingList) ??
      await untilAborted(lists.fetchList(this.pooledSession, isForced), signal);
  }

  /**
   * Finds a tool and calls it. The tool list is fetched again before an unknown tool counts as missing.
   *
   * @param call The call.
   * @param clock Ends the call at its timeouts. The idle timeout begins when the call is sent.
   * @throws {CallerError} `TOOL_CHANGED`, if the tool is not as it was pinned.
   * @throws {DownstreamError} if the server failed, or ended before it answered.
   */
  async callTool(call: ToolCall, clock: CallClock): Promise<CallOutcome> {
    const { lists, signal } = this.#options;
    // A definition that is remembered, or that another session listed, may not be this server's any more.
    if (lists.isPinned || call.needsOwnList === true) {
      await untilAborted(readOwnList(this.pooledSession, { lists, kind: "tools" }), signal);
    }
    // This is the hot path of every call, so a cached list is not awaited.
    const toolLists = lists.of("tools");
    let tool = toolLists.cachedList(this.pooledSession)?.get(call.tool);
    if (!isCallable(tool, call)) {
      const tools = await this.#findTools(call);
      tool = tools.get(call.tool);
      if (tool === undefined) {
        refuseHeldBack(tools, { server: this.session.server, kind: "tools", name: call.tool });
        return { kind: "no-such-tool", tools };
      }
      if (!isCallable(tool, call)) return { kind: "missing-arguments", tool };
    }
    const invocation = { kind: "tool", tool, args: call.args } as const;
    const isRemembered = toolLists.isRemembered(this.pooledSession);
    const beforeSend = call.beforeSend && (() => call.beforeSend?.(tool, isRemembered));
    const renewTool = () => this.#renewTool(call);
    const options = { call, beforeSend, isRemembered, renewTool, clock };
    const outcome = await this.#invoke(invocation, options);
    return outcome.kind === "replied" ? { ...outcome, tool } : outcome;
  }

  /**
   * Requests something that the server offers besides tools.
   *
   * @param call The request.
   * @param clock Ends the request at its timeouts.
   * @throws {CallerError} `TOOL_CHANGED`, if the prompt or the template is not as it was pinned.
   * @throws {DownstreamError} if the server failed, or ended before it answered.
   */
  async request(call: ItemCall, clock: CallClock): Promise<RequestOutcome | InputNeeded> {
    const { beforeSend } = call;
    return await this.#invoke(call, { call, beforeSend, clock });
  }

  /**
   * Begins or ends a subscription.
   *
   * @param call The request.
   * @param clock Ends the request at its timeouts.
   * @throws {DownstreamError} if the server failed, or ended before it answered.
   */
  async changeSubscription(
    call: SubscriptionInvocation & ItemCallOptions,
    clock: CallClock,
  ): Promise<RequestOutcome> {
    const { beforeSend } = call;
    const outcome = await this.#invoke(call, { call, beforeSend, clock });
    if (outcome.kind === "replied") return outcome;
    throw new TypeError("A subscription needs no input");
  }

  /** Returns the tool list; fetches it again if the call does not fit the cached one. */
  async #findTools(call: ToolCall): Promise<ItemList> {
    const tools = await this.list("tools");
    return isCallable(tools.get(call.tool), call) ? tools : await this.list("tools", true);
  }

  /** Returns the tool of a call from a new list, if the call fits the tool and may be sent. */
  async #renewTool(call: ToolCall): Promise<Tool | undefined> {
    const tool = (await this.list("tools", true)).get(call.tool);
    if (!isCallable(tool, call)) return undefined;
    await call.beforeSend?.(tool, false);
    return tool;
  }

  /** Waits for the session and for a slot of its queue, and sends an invocation. */
  async #invoke(invocation: Invocation, options: InvocationOptions): Promise<InvocationOutcome> {
    const { call, clock: { signal } } = options;
    const { session, queue } = this.pooledSession;
    const { agent, connectionId } = this.#options.caller;
    // The session may still be connecting, for a long time if a person has to log in. The call enters the
    // queue only afterwards, and keeps its slot until it ends: the server is busy with the call even while
    // it waits for the client.
    const info = session.info ?? await untilAborted(session.ready(), signal);
    const queueSpan = call.span.child("queue");
    try {
      const admission = queue.acquire(agent, signal, connectionId);
      if (admission !== undefined) await admission;
    } finally {
      queueSpan.end();
    }
    try {
      return await this.#send(invocation, info, options);
    } finally {
      queue.release(agent);
    }
  }

  /** Sends an invocation and waits for its answer. */
  async #send(
    invocation: Invocation,
    info: ServerInfo,
    { call, beforeSend, isRemembered = false, renewTool, clock }: InvocationOptions,
  ): Promise<InvocationOutcome> {
    const { session } = this.pooledSession;
    const { codec, noiseCount } = session;
    const { signal } = clock;
    if (!session.peer.hasRoom(lengthOf(invocation))) throw createNoRoomError(session.server);
    codec.requireSendable?.(invocation);
    const lowered = session.clientChanges.lowerLogLevel(this.#options.caller.channel);
    if (lowered !== undefined) await untilAborted(lowered, signal);
    const { lists } = this.#options;
    if (lists.isPinned) {
      await requirePinned(invocation, { lists, pooled: this.pooledSession, signal });
    }
    const permission = beforeSend?.();
    if (permission !== undefined) await permission;
    // The machine may have slept while the call waited.
    const checking = session.wakeCheck?.untilChecked(signal);
    if (checking !== undefined) await checking;
    session.isAltered = true;
    session.isCalled = true;
    this.#sentCall = !isRemembered && isRepeatable(invocation) ? "repeatable" : "unrepeatable";
    const span = startSpan(session, { operation: call.span, invocation });
    const startedAt = clock.restart();
    const { channel, awaitsInput = false } = this.#options.caller;
    const activeCall = session.activeCalls.begin(this.#options.caller, clock);
    try {
      const reply = await codec.invoke(session.peer, {
        invocation,
        info,
        meta: span.addTraceContext(call.meta),
        client: { channel, awaitsInput, clock },
        givenInput: call.givenInput,
        renewTool,
        signal,
        memory: this.#options.caller.memory,
        onProgress: (params) => {
          clock.restart();
          call.onProgress?.(params);
        },
      });
      const downstreamMs = performance.now() - startedAt;
      if ("needed" in reply) return { kind: "input-required", input: reply.needed, downstreamMs };
      const isToolError = codec.isToolError(reply, {
        invocation,
        server: session.server,
      });
      markFailure(span, { reply, isToolError });
      const { capabilities } = this.#options.caller;
      const unforwarded = reply.ok
        ? undefined
        : explainUnforwarded(reply.error, { session, capabilities });
      if (unforwarded !== undefined) throw unforwarded;
      const urlInputError = !reply.ok && "elicitation" in session.declared
        ? codec.decodeUrlInputError(reply.error, session.server)
        : undefined;
      return { kind: "replied", reply, downstreamMs, isToolError, urlInputError };
    } catch (cause) {
      const error = await session.explainCallFailure(cause, { signal, noiseCount });
      span.fail(error instanceof DownstreamError ? error.code : "CANCELLED");
      throw error;
    } finally {
      session.activeCalls.end(activeCall);
      span.end();
    }
  }

  /** Returns the error of the failed operation. It says so if a call may have run that must not be repeated. */
  markIfUnrepeatable(error: unknown): unknown {
    const mayHaveRun = this.#sentCall === "unrepeatable" &&
      remoteFailureBehind(error)?.reach !== "never";
    if (!mayHaveRun || !(error instanceof DownstreamError) || error.code === "AUTH_REQUIRED") {
      return error;
    }
    const { hint = "The tool may have run: find out before you call it again" } = error.details;
    return error.withDetails({ retryable: false, hint });
  }

  /** Whether the failed operation may be repeated on another session. */
  mayRepeat(error: unknown): boolean {
    switch (remoteFailureBehind(error)?.reach) {
      case "never":
        return true;
      case "maybe":
        return this.#sentCall === "repeatable";
      default:
        return false;
    }
  }
}

/** Creates the refusal of a call, because too much that was sent to the server earlier has not been read. */
function createNoRoomError(server: string): CallerError {
  return new CallerError(
    "RATE_LIMITED",
    `Server "${server}" has not read earlier calls on this session. Call again when it has read them.`,
    { retry_after_ms: RETRY_MS },
  );
}

/** Whether the tool exists, and the call has all arguments that the tool requires. */
function isCallable(tool: Tool | undefined, { lacksArguments }: ToolCall): tool is Tool {
  return tool !== undefined && !(lacksArguments?.(tool) ?? false);
}

/** Whether repeating an invocation does no harm. Only tools can change anything, and they declare whether they do. */
function isRepeatable(invocation: Invocation): boolean {
  if (invocation.kind !== "tool") return true;
  const { annotations } = invocation.tool.definition;
  return isReadOnly(invocation.tool) ||
    (isRecord(annotations) && annotations.idempotentHint === true);
}

/** Returns the length of the texts that the caller chose, in UTF-16 code units. */
function lengthOf(invocation: Invocation): number {
  switch (invocation.kind) {
    case "tool":
      return invocation.args.json.length;
    case "resource":
    case "subscribe":
    case "unsubscribe":
      return invocation.uri.length;
    case "prompt":
      return invocation.args?.json.length ?? 0;
    case "completion":
      return invocation.argument.json.length + (invocation.context?.json.length ?? 0);
  }
}
