import type { IncomingRequest, RequestMessage, ResponseWriter } from "../../jsonrpc/mod.ts";
import { type Authenticator, type Credential, mayContinue } from "./authentication.ts";
import { writeChallenge } from "./bearer.ts";
import { errorResponse, unavailableResponse } from "./error_response.ts";
import { type Evictable, findEvicted } from "./eviction.ts";
import type { HttpLimits } from "./limits.ts";
import { drainingResponse } from "./post_request.ts";
import type { HttpRequestContext } from "./request_context.ts";
import { StatelessResponse } from "./stateless_response.ts";

/** The gateway's side of a client without a session. */
export interface StatelessClientHandle {
  /** Whether operations wait for a further request of the client. */
  readonly isAwaited: boolean;
  /**
   * Receives a request.
   *
   * @param replyTo Replies to it.
   * @returns The request, to cancel it if the client disconnects.
   */
  receive(message: RequestMessage, replyTo: ResponseWriter): IncomingRequest;
  /** Cancels the client's requests, and stops the servers that only it uses. */
  disconnect(): void;
}

/** Starts to serve the client of a credential; `undefined` if none are configured. */
export type AcceptStatelessClient = (credential: Credential | undefined) => StatelessClientHandle;

/** Options of the clients without sessions. */
export interface StatelessClientsOptions {
  readonly accept: AcceptStatelessClient;
  readonly authenticator: Authenticator;
  /** Maximum number of clients. */
  readonly maxClients: number;
  /** Time after which an unused client is forgotten, in milliseconds. */
  readonly idleMs: number;
  readonly limits: Pick<HttpLimits, "streamAfterMs" | "evictableAfterMs">;
}

/** A request, besides its message. */
export interface StatelessRequest {
  readonly env: Pick<HttpRequestContext, "onClose" | "hasSlowReader">;
  readonly credential: Credential | undefined;
  /** Whether the client accepts an event stream. */
  readonly acceptsEvents: boolean;
}

/** A client: everybody with the same credential, or everybody if none are configured. */
class StatelessHttpClient implements Evictable {
  readonly handle: StatelessClientHandle;
  /** The responses that have not ended, each with its request. */
  readonly responses = new Map<StatelessResponse, IncomingRequest | undefined>();
  lastUsedAt: number = performance.now();
  #credential: Credential | undefined;

  constructor(handle: StatelessClientHandle, credential: Credential | undefined) {
    this.handle = handle;
    this.#credential = credential;
  }

  /** The credential of its requests that is valid the longest. */
  get credential(): Credential | undefined {
    return this.#credential;
  }

  get isInUse(): boolean {
    return this.responses.size > 0 || this.handle.isAwaited;
  }

  /** Keeps the credential of a request if it is valid longer: programs renew the JWTs of one subject at different times. */
  renew(credential: Credential | undefined): void {
    const { expiresAtMs = Infinity } = this.#credential ?? {};
    if ((credential?.expiresAtMs ?? Infinity) >= expiresAtMs) this.#credential = credential;
  }
}

/**
 * The clients without sessions by credential. The requests of a client share its sessions with servers. Besides these,
 * the gateway keeps between two requests only what servers have offered, and operations that wait for the client.
 */
export class StatelessClients {
  readonly #options: StatelessClientsOptions;
  // By the id of the credential.
  readonly #clients = new Map<string | undefined, StatelessHttpClient>();

  constructor(options: StatelessClientsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#clients.size;
  }

  /** Answers a request. */
  answer(
    message: RequestMessage,
    { env, credential, acceptsEvents }: StatelessRequest,
  ): Response | Promise<Response> {
    // The credential may have become invalid while the body arrived.
    if (!mayContinue(credential, this.#options.authenticator)) {
      return invalidCredentialResponse(credential);
    }
    const client = this.#findOrAdd(credential);
    if (client === undefined) return busyResponse();
    const response = new StatelessResponse({
      acceptsEvents,
      streamAfterMs: this.#options.limits.streamAfterMs,
      hasSlowReader: () => env.hasSlowReader(),
      onEnd: () => {
        client.responses.delete(response);
        client.lastUsedAt = performance.now();
      },
    });
    client.responses.set(response, undefined);
    const request = client.handle.receive(message, response);
    if (client.responses.has(response)) client.responses.set(response, request);
    env.onClose(() => client.responses.get(response)?.cancel("The client disconnected"));
    return response.result;
  }

  /** Forgets the clients that are unused, and ends those whose credential is not valid. */
  sweep(): void {
    const idleSince = performance.now() - this.#options.idleMs;
    for (const client of [...this.#clients.values()]) {
      if (!mayContinue(client.credential, this.#options.authenticator)) {
        this.#end(client, () => invalidCredentialResponse(client.credential));
      } else if (!client.isInUse && client.lastUsedAt < idleSince) {
        this.#end(client, drainingResponse);
      }
    }
  }

  /** Excludes a time in which nothing could be received from the clients' idle times. */
  skipIdleTime(ms: number): void {
    for (const client of this.#clients.values()) client.lastUsedAt += ms;
  }

  /** Starts streams for requests that take long. */
  startDueStreams(): void {
    const now = performance.now();
    for (const response of this.#responses()) {
      if (now >= response.startStreamAt) response.startStream();
    }
  }

  /** Sends keep-alive comments on the open streams. */
  keepStreamsAlive(): void {
    for (const response of this.#responses()) response.keepAlive();
  }

  close(): void {
    for (const client of [...this.#clients.values()]) this.#end(client, drainingResponse);
  }

  *#responses(): Iterable<StatelessResponse> {
    for (const { responses } of this.#clients.values()) yield* responses.keys();
  }

  /** Returns `undefined` if there are too many clients. */
  #findOrAdd(credential: Credential | undefined): StatelessHttpClient | undefined {
    const knownClient = this.#clients.get(credential?.id);
    if (knownClient !== undefined) {
      knownClient.renew(credential);
      return knownClient;
    }
    const { accept, maxClients } = this.#options;
    if (this.#clients.size >= maxClients && !this.#makeRoom(credential?.agent)) return undefined;
    const client = new StatelessHttpClient(accept(credential), credential);
    this.#clients.set(credential?.id, client);
    return client;
  }

  /** Makes room for a client of an agent; returns whether there is room. */
  #makeRoom(agent: string | undefined): boolean {
    this.sweep();
    if (this.#clients.size < this.#options.maxClients) return true;
    const { evictableAfterMs: idleMs } = this.#options.limits;
    const evicted = findEvicted([...this.#clients.values()], { agent, idleMs });
    if (evicted !== undefined) this.#end(evicted, busyResponse);
    return evicted !== undefined;
  }

  #end(client: StatelessHttpClient, createResponse: () => Response): void {
    this.#clients.delete(client.credential?.id);
    for (const response of client.responses.keys()) response.createUnanswered = createResponse;
    // This ends the streams of `subscriptions/listen` with a result; the others end below.
    client.handle.disconnect();
    for (const response of [...client.responses.keys()]) response.end();
  }
}

function busyResponse(): Response {
  return unavailableResponse("The gateway has its maximum number of clients; try again later");
}

function invalidCredentialResponse(credential: Credential | undefined): Response {
  const error = credential === undefined ? {} : { error: "invalid_token" } as const;
  return errorResponse(401, "The credential of this request is not valid any more", {
    headers: { "www-authenticate": writeChallenge(error) },
  });
}
