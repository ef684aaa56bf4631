import { DownstreamError } from "../../errors.ts";
import { type Channel, type ChannelHandler, textAt, type Turn } from "../../jsonrpc/mod.ts";
import { describeNewerRevision } from "../newer_revision.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { within } from "../../within.ts";
import type { SseData } from "./sse_splitter.ts";
import type { Outgoing } from "./tickets.ts";
import type { Way } from "./way.ts";

/** How long it may take until everything is broken off, in milliseconds. */
const SETTLE_MS = 500;

/** How long a notification may keep what is sent after it, in milliseconds. */
const ORDER_MS = 5000;

/**
 * The answers to a first message by which a server may say that it knows only the older transport.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#backwards-compatibility}
 */
const OLDER: ReadonlySet<number | undefined> = new Set([400, 404, 405]);

/** What a channel does its work with. */
export interface RemoteChannelOptions {
  /** The way to begin with. */
  readonly way: (channel: WayListener) => Way;
  /** The way for a server that knows only the older transport, where that may be found out. */
  readonly olderWay: ((channel: WayListener) => Way) | undefined;
  /** Loops that read, which can be asked to pause. */
  readonly turns: ReadonlySet<Turn>;
  /** Takes what goes wrong with a message that nobody waits for. */
  readonly onTrouble: (cause: unknown) => void;
}

/** Who hears what comes by a way. */
export interface WayListener {
  readonly onMessage: (data: SseData) => void;
  readonly onLost: (failure: RemoteFailure) => void;
}

/** Messages to and from a remote server, each request with an exchange of its own. */
export class RemoteChannel implements Channel {
  readonly #options: RemoteChannelOptions;
  readonly #requests = new Map<string, AbortController>();
  readonly #controllers = new Set<AbortController>();
  readonly #sending = new Set<Promise<void>>();
  // Of these, what is no request: a request may take long.
  readonly #telling = new Set<Promise<void>>();
  readonly #listener: WayListener;
  #way: Way;
  #handler: ChannelHandler | undefined;
  #inOrder: Promise<unknown> = Promise.resolve();
  #failure: RemoteFailure | undefined;
  #isOver = false;

  /**
   * Prepares; nothing is opened before the first message.
   *
   * @param options See there.
   */
  constructor(options: RemoteChannelOptions) {
    this.#options = options;
    this.#listener = {
      onMessage: (data) => this.#receive(data),
      onLost: (failure) => this.#lose(failure),
    };
    this.#way = options.way(this.#listener);
  }

  /** Why the session was lost. */
  get failure(): RemoteFailure | undefined {
    return this.#failure;
  }

  /** Whether the server keeps a session under an id, which it may forget. */
  get hasSessionId(): boolean {
    return this.#way.hasSessionId;
  }

  open(handler: ChannelHandler): void {
    this.#handler = handler;
  }

  send(text: string): void {
    if (this.#isOver) return;
    const message = readOutgoing(text);
    const { id, method } = message;
    if (method === "notifications/cancelled") this.#cancel(text);
    const sending = this.#send(message).finally(() => {
      this.#sending.delete(sending);
      this.#telling.delete(sending);
    });
    this.#sending.add(sending);
    if (id === undefined) this.#telling.add(sending);
    // Messages travel side by side, but nothing may be asked before `initialized` has arrived.
    if (id === undefined && method !== undefined && method !== "notifications/cancelled") {
      this.#inOrder = within(sending, ORDER_MS);
    }
  }

  rest(ms: number): void {
    for (const turn of this.#options.turns) turn.owe(ms);
  }

  async flush(): Promise<void> {
    await Promise.all(this.#telling);
  }

  close(): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  /** Takes the revision that was agreed on. */
  negotiated(revision: string): void {
    this.#way.negotiated(revision);
  }

  /**
   * Ends the session in good order.
   *
   * @param withinMs How long the server may take, in milliseconds.
   */
  async leave(withinMs: number): Promise<void> {
    if (!this.#isOver) {
      const started = performance.now();
      for (const request of this.#requests.values()) request.abort();
      await within(this.flush(), withinMs);
      await this.#way.leave(Math.max(0, withinMs - (performance.now() - started)));
      this.#end();
    }
    await within(Promise.all(this.#sending), SETTLE_MS);
  }

  async #send(message: Outgoing): Promise<void> {
    const { id } = message;
    const controller = new AbortController();
    this.#controllers.add(controller);
    if (id !== undefined) this.#requests.set(id, controller);
    const { signal } = controller;
    try {
      await this.#inOrder;
      signal.throwIfAborted();
      const explain = await this.#sendEitherWay(message, signal);
      if (explain !== undefined && id !== undefined) this.#handler?.unanswered?.(id, explain);
    } catch (cause) {
      if (!signal.aborted && !this.#isOver) this.#fail(id, cause);
    } finally {
      this.#controllers.delete(controller);
      if (id !== undefined) this.#requests.delete(id);
    }
  }

  async #sendEitherWay(
    message: Outgoing,
    signal: AbortSignal,
  ): Promise<(() => RemoteFailure) | undefined> {
    const { olderWay } = this.#options;
    try {
      return await this.#way.send(message, signal);
    } catch (cause) {
      const isTold = cause instanceof RemoteFailure && OLDER.has(cause.status) &&
        (cause.rpc === undefined || describeNewerRevision(cause.rpc) === undefined);
      if (message.method !== "initialize" || olderWay === undefined || !isTold) throw cause;
      this.#way.close();
      this.#way = olderWay(this.#listener);
      return await this.#way.send(message, signal).catch((other) => {
        throw other instanceof RemoteFailure ? bothRefused(cause, other) : other;
      });
    }
  }

  #fail(id: string | undefined, cause: unknown): void {
    const isKnown = cause instanceof RemoteFailure || cause instanceof DownstreamError;
    const failure = isKnown
      ? cause
      : new RemoteFailure("it did not answer as MCP has it", { reach: "maybe", cause });
    const endsSession = failure instanceof RemoteFailure && failure.endsSession;
    if (id === undefined) this.#options.onTrouble(failure);
    // What was cut off ends with all the others; of this one more is known.
    else if (!endsSession || failure.reach === "never") this.#handler?.unanswered?.(id, failure);
    if (endsSession) this.#lose(failure);
  }

  #cancel(text: string): void {
    const id = textAt(text, "params", "requestId");
    if (id !== undefined) this.#requests.get(id)?.abort();
  }

  #receive(data: SseData): void {
    if (this.#isOver) return;
    if ("reason" in data) this.#handler?.dropped(data);
    else this.#handler?.message(data.text, data.bytes);
  }

  #lose(failure: RemoteFailure): void {
    if (this.#isOver) return;
    this.#failure = failure;
    this.#end(failure);
  }

  #end(cause?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#way.close();
    for (const controller of this.#controllers) controller.abort();
    this.#handler?.closed(cause);
  }
}

function readOutgoing(text: string): Outgoing {
  const method = textAt(text, "method");
  return {
    text,
    id: method === undefined ? undefined : textAt(text, "id"),
    method: method === undefined ? undefined : JSON.parse(method),
  };
}

/** A server that refused the first message and has no stream of the older transport either. */
function bothRefused(first: RemoteFailure, second: RemoteFailure): RemoteFailure {
  const message = first.message === second.message
    ? first.message
    : `${first.message}; and to GET, for the older SSE transport, ${second.message}`;
  const { reach, endsSession } = second;
  const { problem, status } = second.problem === "web-page" ? second : first;
  const options = { reach, endsSession, problem, cause: second };
  return new RemoteFailure(message, status === undefined ? options : { ...options, status });
}
