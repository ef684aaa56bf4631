import { DownstreamError } from "../errors.ts";
import { type CancelSignal, JsonText, type Peer, type Reply } from "../jsonrpc/mod.ts";
import type { Meta, Span } from "../trace.ts";
import type { CallClock } from "./call_clock.ts";
import type { Caller } from "./caller.ts";
import type { Catalog } from "./catalog.ts";
import { requireComplete } from "./complete_result.ts";
import { noResult } from "./failure.ts";
import { isRecord, type ServerInfo } from "./handshake.ts";
import type { PooledSession, SessionPool } from "./pool.ts";
import { remoteFailureBehind } from "./remote_failure.ts";
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
  /** The method. */
  readonly method: string;
  /** Fields of the parameters as JSON text, without braces; `_meta` is added. */
  readonly fields: string;
  /** Name of the tool or other object of the request, for the trace. */
  readonly name: string;
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
  /** Whether it must run as a task, if the server can do that. */
  readonly needsTask: boolean;
}

/** Parameters of a progress notification. */
type Progress = Readonly<Record<string, unknown>>;

/** The answer to a request on a lease. */
export interface LeaseReply {
  /** The server's answer, JSON-RPC errors included. */
  readonly reply: Reply;
  /** Milliseconds between request and answer. */
  readonly downstreamMs: number;
  /** Whether the result has `isError`. */
  readonly isError: boolean;
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
   * Waits in the queue of the session, sends a request, and waits for its answer.
   *
   * @param request The request, its clock, and its trace.
   * @throws {DownstreamError} The server went away before it answered.
   */
  async request(request: LeaseRequest): Promise<LeaseReply> {
    const { session, queue } = this.pooled;
    const { method, fields, clock, onProgress } = request;
    const { signal } = clock;
    const waiting = request.span.child("queue");
    try {
      const admitted = queue.enter(this.#options.caller.agent, signal);
      if (admitted !== undefined) await admitted;
    } finally {
      waiting.end();
    }
    try {
      // The tools may be cached while this session is still connecting, which may take long.
      const info = session.info ?? await untilAborted(session.ready(), signal);
      this.#sent = request.isRepeatable ? "repeatable" : "unrepeatable";
      const span = startSpan(session, request);
      const startedAt = clock.restart();
      const { noiseCount } = session;
      const call = session.activeCalls.begin(this.#options.caller.link, clock);
      try {
        const run = request.needsTask && supportsTasks(info, method) ? runTask : runRequest;
        const reply = await run(session.peer, {
          method,
          fields,
          meta: span.carry(request.meta),
          signal,
          onProgress: (params) => {
            clock.restart();
            onProgress?.(params);
          },
        });
        requireResult(reply, session.server);
        const isError = hasError(reply);
        noteFailure(span, reply, isError);
        return { reply, downstreamMs: performance.now() - startedAt, isError };
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

/** A request as it is sent. */
interface SentRequest {
  readonly method: string;
  readonly fields: string;
  readonly meta: Meta | undefined;
  readonly signal: CancelSignal;
  readonly onProgress: (params: Progress) => void;
}

/** Sends a request and waits for its answer. */
function runRequest(peer: Peer, request: SentRequest): Promise<Reply> {
  const { method, signal, onProgress } = request;
  return peer.request(method, (id) => writeParams(request, id), { signal, onProgress });
}

/** Sends a request that runs as a task, and waits for the task's result. */
async function runTask(peer: Peer, request: SentRequest): Promise<Reply> {
  const { method, signal, onProgress } = request;
  let token = 0;
  const params = (id: number): JsonText => writeParams(request, token = id, ',"task":{}');
  const created = await peer.request(method, params, { signal, onProgress });
  if (!created.ok) return created;
  const answer = created.result.value;
  const task = isRecord(answer) ? answer.task : undefined;
  // The server answered with the result immediately, without a task.
  if (!isRecord(task) || typeof task.taskId !== "string") return created;
  const { taskId } = task;
  try {
    return await peer.request("tasks/result", { taskId }, { signal, continues: token, onProgress });
  } catch (cause) {
    if (signal.aborted) peer.request("tasks/cancel", { taskId }).catch(() => {});
    throw cause;
  }
}

/** Writes the parameters, with a progress token. */
function writeParams({ fields, meta }: SentRequest, token: number, task = ""): JsonText {
  const metaText = meta === undefined
    ? `{"progressToken":${token}}`
    : JSON.stringify({ ...meta, progressToken: token });
  return new JsonText(`{${fields},"_meta":${metaText}${task}}`);
}

/** @throws {DownstreamError} The answer is a result that no client accepts. */
function requireResult(reply: Reply, server: string): void {
  if (reply.ok && !isRecord(reply.result.value)) throw noResult(server, reply.result.value);
  requireComplete(reply, server);
}

/**
 * Whether a server can run requests of a method as tasks.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks}
 */
function supportsTasks({ capabilities: { tasks } }: ServerInfo, method: string): boolean {
  let part: unknown = isRecord(tasks) ? tasks.requests : undefined;
  for (const key of method.split("/")) part = isRecord(part) ? part[key] : undefined;
  return isRecord(part);
}

/** @see {@link https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/} */
function startSpan({ server, isProcess }: Session, { method, name, span }: LeaseRequest): Span {
  return span.child(`${method} ${name}`, {
    kind: "client",
    attributes: {
      "mcp.method.name": method,
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": name,
      "network.transport": isProcess ? "pipe" : "tcp",
      "gateway.server": server,
    },
  });
}

/** Records an error of the server in the trace. */
function noteFailure(span: Span, reply: Reply, isError: boolean): void {
  if (!reply.ok) {
    const code = String(reply.error.code);
    span.set({ "rpc.response.status_code": code });
    span.fail(code);
  } else if (isError) span.fail("tool_error");
}

function hasError(reply: Reply): boolean {
  return reply.ok && isRecord(reply.result.value) && reply.result.value.isError === true;
}
