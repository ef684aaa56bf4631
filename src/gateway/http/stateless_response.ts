import { type ResponseWriter, RPC_CODES, textAt } from "../../jsonrpc/mod.ts";
import { STATELESS_CODES } from "../../revisions.ts";
import { EventStream, STREAM_HEADERS } from "./event_stream.ts";
import { drainingResponse, jsonResponse } from "./post_request.ts";

/** Options of a response. */
export interface StatelessResponseOptions {
  /** Whether the client accepts an event stream. */
  readonly acceptsEvents: boolean;
  /** Time after which a stream starts if there is no answer yet, in milliseconds. */
  readonly streamAfterMs: number;
  /** Whether the client reads the stream so slowly that unimportant messages should be dropped. */
  readonly hasSlowReader: () => boolean;
  /** Called when the response has ended. */
  readonly onEnd: () => void;
}

/**
 * The response to a request without a session: a single message if the answer comes soon and without other messages,
 * and otherwise a stream. A client that loses the stream cannot resume it.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http}
 */
export class StatelessResponse implements ResponseWriter {
  /** Resolves when the kind of response is certain. */
  readonly result: Promise<Response>;
  /** Time when a stream starts, on the clock of `performance.now()`. */
  readonly startStreamAt: number;
  readonly #options: StatelessResponseOptions;
  readonly #settle: (response: Response) => void;
  /** Creates the response if it ends without an answer; by default, the gateway ends. */
  createUnanswered: () => Response = drainingResponse;
  #status = 200;
  // The answer, unless it was sent on a stream.
  #answer: string | undefined;
  #stream: EventStream | undefined;
  #hasEnded = false;

  constructor(options: StatelessResponseOptions) {
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.result = promise;
    this.#settle = resolve;
    this.#options = options;
    this.startStreamAt = performance.now() + options.streamAfterMs;
  }

  get hasSlowReader(): boolean {
    return this.#options.hasSlowReader();
  }

  refuse(code: number): void {
    this.#status = code === RPC_CODES.methodNotFound ? 404 : 400;
  }

  answer(text: string, id: string | undefined): void {
    if (this.#stream !== undefined) return this.#stream.send({ message: text });
    this.#answer = text;
    if (isMissingCapability(text, id)) this.#status = 400;
  }

  /** Sends a message on the stream; a client that accepts none does not get it. */
  notify(text: string): void {
    this.startStream();
    this.#stream?.send({ message: text });
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#stream !== undefined) this.#stream.end();
    else if (this.#answer !== undefined) this.#settle(jsonResponse(this.#answer, this.#status));
    else this.#settle(this.createUnanswered());
    this.#options.onEnd();
  }

  /** Starts a stream, unless there is one or the client does not accept streams. */
  startStream(): void {
    if (this.#stream !== undefined || this.#hasEnded || !this.#options.acceptsEvents) return;
    this.#stream = new EventStream();
    this.#settle(new Response(this.#stream.body, { headers: STREAM_HEADERS }));
  }

  /** Sends a keep-alive comment if the response is a stream. */
  keepAlive(): void {
    this.#stream?.keepAlive();
  }
}

/** Whether an answer is an error whose HTTP status is always 400. */
function isMissingCapability(text: string, id: string | undefined): boolean {
  // Results, which may be long, are not searched.
  return text.startsWith(`{"jsonrpc":"2.0","id":${id},"error":`) &&
    textAt(text, "error", "code") === String(STATELESS_CODES.missingCapability);
}
