import type {
  ClientCapabilities,
  ClientChannel,
  InputKind,
  InputRequest,
  InputResponse,
} from "../../downstream/mod.ts";
import { Cancellation, type CancelSignal, JsonText, RPC_CODES } from "../../jsonrpc/mod.ts";
import { startTimer } from "../../within.ts";
import type { InteractionRecord, OperationBeginning } from "../operation.ts";
import { MAX_REQUESTS, MAX_ROUNDS } from "../relay.ts";
import { clientCodec2025 } from "../revisions/mod.ts";

/** Time for which further requests for input are awaited after the first one, in milliseconds. */
const GATHER_MS = 15;

/** Maximum length of the message of progress that is kept, in UTF-16 code units. */
const MAX_PROGRESS_MESSAGE = 1000;

/** The response to a request for input beyond a limit. */
const TOO_MANY_QUESTIONS: InputResponse = {
  kind: "failed",
  error: new JsonText(JSON.stringify({
    code: RPC_CODES.internalError,
    message: "The client was not asked, because too many questions wait for its answers",
  })),
};

/** The request of the client that an operation belongs to at the moment. */
export interface AttachedRequest {
  /** The id of the request, as JSON text. */
  readonly id: string;
  /** The capabilities that the request declares. */
  readonly capabilities: ClientCapabilities;
  /** The least severity of log messages that the client wants; `undefined` if it wants none. */
  readonly logLevel: string | undefined;
  /** Aborts when the client cancels the request or disconnects. */
  readonly signal: CancelSignal;
  /** Sends progress, if the client asked for it. */
  readonly notifyProgress: (params: Readonly<Record<string, unknown>>) => void;
  /** Sends a log message, if the client asked for messages of its severity. */
  readonly notifyLog: (params: Readonly<Record<string, unknown>>) => void;
}

/** An event that the answer to the client's request reports. */
export type InteractionEvent<A> =
  /** The operation has ended. */
  | { readonly kind: "ended"; readonly answer: A }
  /** The operation needs input, by key, and is parked. */
  | { readonly kind: "asks"; readonly requests: ReadonlyMap<string, InputRequest> };

/** The end of an operation that had waited for its client, for the metrics. */
export type InteractionEnding = "answered" | "cancelled" | "denied" | "expired";

/** Options of an interaction. */
export interface InteractionOptions {
  /** The first request, or the one with which the client continues an operation that is not in memory. */
  readonly request: AttachedRequest;
  /** Returns the client and the agent. */
  readonly principal: () => string;
  /** The operation so far, if the request continues one that is not in memory. */
  readonly record?: InteractionRecord;
  /** Time for which the operation waits for the client's next request, in milliseconds. */
  readonly ttlMs: number;
  /** Called before the client is asked for the first time; returns the operation's handle if it may be asked. */
  readonly admit: () => string | undefined;
  /** Called when the operation has ended and its answer has been taken, or will never be. */
  readonly onOver: (
    end: { readonly handle: string | undefined; readonly ending: InteractionEnding },
  ) => void;
}

/** A request for input that waits for the client's response. */
interface PendingRequest {
  readonly request: InputRequest;
  readonly settle: (response: InputResponse) => void;
  readonly fail: (reason: unknown) => void;
}

/**
 * One operation of a client that gives input only with new requests. The operation runs on while no request of the
 * client is attached to it: it is *parked*.
 *
 * @typeParam A The answer to the operation.
 */
export class Interaction<A> implements ClientChannel, InteractionRecord {
  readonly relaysInput = true;
  readonly outsideCalls = undefined;
  readonly continued: OperationBeginning | undefined;
  /** When the first request arrived, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Number of times that the client was asked for input. */
  rounds: number;
  readonly #options: Pick<InteractionOptions, "ttlMs" | "principal" | "admit" | "onOver">;
  readonly #cancellation = new Cancellation();
  readonly #pending = new Map<string, PendingRequest>();
  #principal: string | undefined;
  // Set only while the request is attached, because it may take much memory.
  #request: AttachedRequest | undefined;
  #capabilities: ClientCapabilities = {};
  #logLevel: string | undefined;
  #requestId = "";
  #lastKey = 0;
  #waitedMs: number;
  #parkedAt: number | undefined;
  #stopExpiry: (() => void) | undefined;
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #handle: string | undefined;
  #hasEnded = false;
  #isOver = false;
  #answer: { readonly value: A } | undefined;
  #ending: InteractionEnding = "answered";
  #lastProgress: Readonly<Record<string, unknown>> | undefined;
  // The roots as the client gave them: servers ask for them repeatedly.
  #roots: InputResponse | undefined;
  #listener: ((event: InteractionEvent<A>) => void) | undefined;

  constructor(options: InteractionOptions) {
    const { request, record, ttlMs, principal, admit, onOver } = options;
    this.#options = { ttlMs, principal, admit, onOver };
    this.continued = record?.continued;
    this.startedAt = record?.continued?.startedAt ?? Date.now();
    this.rounds = record?.rounds ?? 0;
    this.#waitedMs = record?.waitedMs ?? 0;
    this.#attach(request);
  }

  /** The client and the agent. Most operations never need them. */
  get principal(): string {
    return this.#principal ??= this.#options.principal();
  }

  /** Aborts when the client cancels the request that is attached, or does not come back. */
  get signal(): CancelSignal {
    return this.#cancellation;
  }

  get waitedMs(): number {
    const sinceParked = this.#parkedAt === undefined ? 0 : performance.now() - this.#parkedAt;
    return this.#waitedMs + sinceParked;
  }

  /** The operation's handle; `undefined` until its client is asked. */
  get handle(): string | undefined {
    return this.#handle;
  }

  /** When the operation began to wait for its client's next request; `undefined` while it does not. */
  get parkedAt(): number | undefined {
    return this.#parkedAt;
  }

  /** The id of the client's last request, as JSON text. */
  get requestId(): string {
    return this.#requestId;
  }

  /** The requests for input that wait for responses, by key. */
  get requests(): ReadonlyMap<string, InputRequest> {
    return new Map([...this.#pending].map(([key, { request }]) => [key, request]));
  }

  /** Whether the client has to be asked now, because it has not responded to all requests. */
  get mustAsk(): boolean {
    return this.#pending.size > 0 && !this.#cancellation.aborted;
  }

  /**
   * Follows the operation to its end.
   *
   * @param run Resolves with the answer to the operation; must not reject.
   * @param keep Called with an answer that has to wait for the client; returns what is kept of it.
   */
  follow(run: Promise<A>, keep: (answer: A) => A): void {
    void run.then((answer) => {
      this.#hasEnded = true;
      for (const { fail } of [...this.#pending.values()]) fail("The call has ended");
      this.#answer = { value: this.#parkedAt !== undefined ? keep(answer) : answer };
      if (this.#cancellation.aborted && this.#listener === undefined) this.#finish();
      this.#notify();
    });
  }

  /** Resolves with the answer to the attached request: that to the operation, or requests for input. */
  next(): Promise<InteractionEvent<A>> {
    return new Promise((resolve) => {
      this.#listener = resolve;
      this.#notify();
    });
  }

  /**
   * Parks the operation: the client is asked, and will continue the operation with another request.
   *
   * @returns The requests for input.
   */
  park(): ReadonlyMap<string, InputRequest> {
    this.#detach();
    this.rounds++;
    this.#parkedAt = performance.now();
    this.#stopExpiry = startTimer(this.#options.ttlMs, () => {
      this.cancel("The client did not come back", "expired");
    });
    return this.requests;
  }

  /**
   * Attaches the next request of the client, unless another one has continued the operation.
   *
   * @param round The round that the client continues.
   * @returns Whether the request is attached.
   */
  resume(request: AttachedRequest, round: number): boolean {
    if (this.#parkedAt === undefined || round !== this.rounds || this.#isOver) return false;
    this.#waitedMs = this.waitedMs;
    this.#parkedAt = undefined;
    this.#stopExpiry?.();
    this.#attach(request);
    const progress = this.#lastProgress;
    this.#lastProgress = undefined;
    if (progress !== undefined && !this.#hasEnded) request.notifyProgress(progress);
    return true;
  }

  /** Passes on the client's response to the request for input with a key; unknown keys are ignored. */
  respond(key: string, response: InputResponse): void {
    this.#pending.get(key)?.settle(response);
  }

  /** Ends the operation. */
  cancel(reason: unknown, ending: InteractionEnding = "cancelled"): void {
    if (this.#isOver) return;
    this.#ending = ending;
    // The call at the server is cancelled first, and then the requests for input of the server fail.
    this.#cancellation.cancel(reason);
    for (const { fail } of [...this.#pending.values()]) fail(reason);
    if (this.#hasEnded && this.#listener === undefined) this.#finish();
  }

  /** Passes on progress. While the operation is parked, the last one is kept. */
  notifyProgress(params: Readonly<Record<string, unknown>>): void {
    if (this.#request === undefined) this.#lastProgress = shortProgress(params);
    else this.#request.notifyProgress(params);
  }

  supports(kind: InputKind): boolean {
    return !this.#hasEnded && clientCodec2025.canAsk(this.#capabilities, kind);
  }

  requestInput(request: InputRequest, signal: CancelSignal): Promise<InputResponse> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#cancellation.aborted) return Promise.reject(this.#cancellation.reason);
    if (request.kind === "roots" && this.#roots !== undefined) return Promise.resolve(this.#roots);
    if (!this.supports(request.kind)) return Promise.resolve({ kind: "unsupported" });
    if (!this.#mayAsk()) return Promise.resolve(TOO_MANY_QUESTIONS);
    return new Promise((resolve, reject) => {
      const key = `g${++this.#lastKey}`;
      const end = (): void => {
        signal.removeEventListener("abort", withdraw);
        this.#pending.delete(key);
      };
      const withdraw = (): void => {
        end();
        reject(signal.reason);
      };
      signal.addEventListener("abort", withdraw, { once: true });
      this.#pending.set(key, {
        request,
        settle: (response) => {
          end();
          if (request.kind === "roots") this.#roots = response;
          resolve(response);
        },
        fail: (reason) => {
          end();
          reject(reason);
        },
      });
      this.#notify();
    });
  }

  notifyUrlInputDone(): void {
    // The client learns it from the answer to its next request.
  }

  log(params: Readonly<Record<string, unknown>>): void {
    this.#request?.notifyLog(params);
  }

  logLevel(): string | undefined {
    return this.#logLevel;
  }

  #mayAsk(): boolean {
    if (this.#pending.size >= MAX_REQUESTS || this.rounds >= MAX_ROUNDS) return false;
    this.#handle ??= this.#options.admit();
    return this.#handle !== undefined;
  }

  /** Resolves the promise of `next`, if the answer to the attached request is known. */
  #notify(): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    if (this.#answer !== undefined) {
      this.#listener = undefined;
      clearTimeout(this.#gathering);
      this.#gathering = undefined;
      const { value: answer } = this.#answer;
      this.#finish();
      listener({ kind: "ended", answer });
    } else if (this.#pending.size > 0) {
      this.#gathering ??= setTimeout(() => {
        this.#gathering = undefined;
        if (this.#listener === undefined || this.#pending.size === 0) return;
        this.#listener = undefined;
        listener({ kind: "asks", requests: this.park() });
      }, GATHER_MS);
    }
  }

  #attach(request: AttachedRequest): void {
    this.#request = request;
    this.#capabilities = request.capabilities;
    this.#logLevel = request.logLevel;
    this.#requestId = request.id;
    const { signal } = request;
    if (signal.aborted) this.#onRequestCancelled();
    else signal.addEventListener("abort", this.#onRequestCancelled, { once: true });
  }

  #detach(): void {
    this.#request?.signal.removeEventListener("abort", this.#onRequestCancelled);
    this.#request = undefined;
  }

  readonly #onRequestCancelled = (): void => this.cancel(this.#request?.signal.reason);

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#detach();
    this.#stopExpiry?.();
    this.#options.onOver({ handle: this.#handle, ending: this.#ending });
  }
}

/** Returns the members of progress that clients know, without a long message: a server may send any. */
function shortProgress(
  { progress, total, message }: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const isShort = typeof message === "string" && message.length <= MAX_PROGRESS_MESSAGE;
  return {
    ...(typeof progress === "number" && { progress }),
    ...(typeof total === "number" && { total }),
    ...(isShort && { message }),
  };
}
