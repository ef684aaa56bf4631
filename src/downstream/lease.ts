import { DownstreamError } from "../errors.ts";
import type { CancelSignal, Reply } from "../jsonrpc/mod.ts";
import type { Meta, Span } from "../trace.ts";
import type { CallClock } from "./call_clock.ts";
import type { Caller } from "./caller.ts";
import type { Catalog } from "./catalog.ts";
import type { PooledSession, SessionPool } from "./pool.ts";
import { remoteFailureBehind } from "./remote_failure.ts";
import type { Invocation, ServerInfo } from "./revisions/mod.ts";
import type { Session } from "./session.ts";
import type { ToolListCache } from "./tool_list_cache.ts";
import { untilAborted } from "./until_aborted.ts";

/** Options of a lease. */
export interface LeaseOptions {
  /** The sessions. */
  readonly pool: SessionPool;
  /** The caller that the session is for. */
  readonly caller: Caller;
  /** The tool lists of the server. */
  readonly toolLists: ToolListCache;
  /** Cancels waiting; its reason is thrown. */
  readonly signal: CancelSignal;
}

/** A request on a lease. */
export interface LeaseRequest {
  /** The request itself. */
  readonly invocation: Invocation;
  /** Fields of `_meta`; a progress token among them is replaced. */
  readonly meta: Meta | undefined;
  /** Times the request out. It starts when the request is sent, and progress restarts it. */
  readonly clock: CallClock;
  /** The span of the operation; the trace continues at the server. */
  readonly span: Span;
  /** Receives the server's progress, with its token among the parameters. */
  readonly onProgress: ((params: Progress) => void) | undefined;
  /** Whether sending it twice does no harm. */
  readonly isRepeatable: boolean;
}

/** Parameters of a progress notification. */
type Progress = Readonly<Record<string, unknown>>;

/** The answer to a request on a lease. */
export interface LeaseReply {
  /** The server's answer, JSON-RPC errors included. */
  readonly reply: Reply;
  /** Milliseconds between request and answer. */
  readonly downstreamMs: number;
  /** Whether the result is an error of the tool. */
  readonly isToolError: boolean;
}

/** A session of a server, which may still be connecting, held for one operation of a caller. */
export class Lease implements Disposable {
  /** The session in its pool. */
  readonly pooled: PooledSession;
  readonly #options: LeaseOptions;
  #sent: "nothing" | "repeatable" | "unrepeatable" = "nothing";

  /**
   * Takes a session from the pool, which may start one.
   *
   * @param options The pool, and the caller.
   */
  constructor(options: LeaseOptions) {
    this.#options = options;
    this.pooled = options.pool.acquire(options.caller);
  }

  /** Gives the session back. */
  [Symbol.dispose](): void {
    this.#options.pool.release(this.pooled);
  }

  /** The session. */
  get session(): Session {
    return this.pooled.session;
  }

  /** Whether a request has been sent that the server may have carried out. */
  get hasSent(): boolean {
    return this.#sent !== "nothing";
  }

  /** The cached tool list; `undefined` if there is none. */
  get knownTools(): Catalog | undefined {
    return this.#options.toolLists.known(this.pooled.capabilitiesKey);
  }

  /**
   * Waits for the handshake.
   *
   * @throws {DownstreamError} The server did not start.
   */
  ready(): Promise<ServerInfo> {
    return untilAborted(this.session.ready(), this.#options.signal);
  }

  /**
   * Lists the server's tools, from the cache or from a request that is already pending.
   *
   * @param afresh Whether to ask the server again.
   * @throws {DownstreamError} The server is not there or does not answer.
   */
  async listTools(afresh = false): Promise<Catalog> {
    const { toolLists, signal } = this.#options;
    const { session, capabilitiesKey } = this.pooled;
    const coming = afresh ? undefined : toolLists.coming(capabilitiesKey, signal);
    return (coming && await coming) ??
      await untilAborted(toolLists.ask(session, capabilitiesKey, afresh), signal);
  }

  /**
   * Waits for the handshake and in the queue of the session, sends a request, and waits for its answer.
   *
   * @param request The request, its clock, and its trace.
   * @throws {DownstreamError} The server went away before it answered.
   */
  async request(request: LeaseRequest): Promise<LeaseReply> {
    const { session, queue } = this.pooled;
    const { invocation, clock, onProgress } = request;
    const { signal } = clock;
    // The session may still be connecting, for long if a person has to log in. The call enters the queue
    // only afterwards, and keeps its slot until it ends: the server is busy with it even while the client
    // is asked something.
    const info = session.info ?? await untilAborted(session.ready(), signal);
    const waiting = request.span.child("queue");
    try {
      const admitted = queue.enter(this.#options.caller.agent, signal);
      if (admitted !== undefined) await admitted;
    } finally {
      waiting.end();
    }
    try {
      this.#sent = request.isRepeatable ? "repeatable" : "unrepeatable";
      const span = startSpan(session, request);
      const startedAt = clock.restart();
      const { noiseCount } = session;
      const call = session.activeCalls.begin(this.#options.caller.channel, clock);
      try {
        const { codec } = session;
        const reply = await codec.invoke(session.peer, {
          invocation,
          info,
          meta: span.carry(request.meta),
          signal,
          onProgress: (params) => {
            clock.restart();
            onProgress?.(params);
          },
        });
        const isToolError = codec.isToolError(reply, session.server);
        noteFailure(span, reply, isToolError);
        return { reply, downstreamMs: performance.now() - startedAt, isToolError };
      } catch (cause) {
        const error = await session.explainCall(cause, { signal, noiseCount });
        span.fail(error instanceof DownstreamError ? error.code : "CANCELLED");
        throw error;
      } finally {
        session.activeCalls.end(call);
        span.end();
      }
    } finally {
      queue.leave();
    }
  }

  /** Whether the failed operation may be repeated on another session. */
  mayRepeat(error: unknown): boolean {
    switch (remoteFailureBehind(error)?.reach) {
      case "never":
        return true;
      case "maybe":
        return this.#sent === "repeatable";
      default:
        return false;
    }
  }
}

/** @see {@link https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/} */
function startSpan(
  { server, transport, codec }: Session,
  { invocation, span }: LeaseRequest,
): Span {
  const method = codec.methodOf(invocation);
  const { name } = invocation.tool;
  return span.child(`${method} ${name}`, {
    kind: "client",
    attributes: {
      "mcp.method.name": method,
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": name,
      "network.transport": transport.network,
      "gateway.server": server,
    },
  });
}

/** Records an error of the server in the trace. */
function noteFailure(span: Span, reply: Reply, isToolError: boolean): void {
  if (!reply.ok) {
    const code = String(reply.error.code);
    span.set({ "rpc.response.status_code": code });
    span.fail(code);
  } else if (isToolError) span.fail("tool_error");
}
