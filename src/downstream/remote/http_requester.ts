import { wait } from "../../within.ts";
import { redactKnownSecrets, redactProbableSecrets } from "../../redact.ts";
import type { Authorization } from "../authorization.ts";
import { REDIRECT_STATUSES } from "../http_responses.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { CookieJar } from "./cookie_jar.ts";
import { createHttpFailure } from "./http_error.ts";
import { explainNetworkFailure, isOffline } from "./network_error.ts";
import { secretsInUrl } from "./quote.ts";
import { findRedirectTarget } from "./redirects.ts";
import { readRetryAfter } from "./retry_after.ts";

/**
 * Time after which an idle connection is closed, in milliseconds. Most servers close idle connections after
 * 5 s or more. A request on a connection that the server closes gets no answer and must not be sent again,
 * so the gateway closes the connection first.
 */
const POOL_IDLE_MS = 4000;

/** Time for the network to come back after a sleep of the machine, in milliseconds. */
const NETWORK_MS = 30_000;

/** The first pause between two attempts during that time, in milliseconds; each pause is twice the one before it. */
const NETWORK_PAUSE_MS = 250;

/** Maximum length of a session id in UTF-16 code units, because it is kept in memory. */
const MAX_SESSION_ID_LENGTH = 8192;

/** An HTTP request before it is sent. */
export interface RemoteRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** The headers that the transport sets; they replace headers of the server's entry with the same names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The message of a POST. */
  readonly body?: string;
  /** Aborts the request; its reason is thrown. */
  readonly signal: AbortSignal;
  /** Maximum wait for a server that says it is busy, in milliseconds. */
  readonly maxBusyWaitMs: number;
}

/** A request that was answered. */
interface SentRequest {
  readonly response: Response;
  readonly sentAuthorization: string | undefined;
}

/** Options of sending requests. */
export interface HttpRequesterOptions {
  /** The headers of every request, as configured. */
  readonly headers: Readonly<Record<string, string>>;
  /** Adds the token of a login; `undefined` if the requests carry the configured headers only. */
  readonly authorization: Authorization | undefined;
  /** Returns the texts that must not be quoted when the server sends them. */
  readonly secrets: () => readonly string[];
}

/** Sends the requests to one remote server. A request is sent again only if no tool has received it. */
export class HttpRequester {
  readonly #headers: Readonly<Record<string, string>>;
  readonly #authorization: Authorization | undefined;
  readonly #secrets: () => readonly string[];
  readonly #cookies = new CookieJar();
  #sessionIdToRedact = "";
  // Deno reads the proxy from the environment, and certificate authorities from NODE_EXTRA_CA_CERTS.
  #client = Deno.createHttpClient({ poolIdleTimeout: POOL_IDLE_MS });
  #requiresLength = false;
  #unpooledClient: Deno.HttpClient | undefined;
  #hasResponded = true;
  #awaitsLogin = false;
  // The end of the time for the network to come back, on the clock of `performance.now()`.
  #onlineBy = -Infinity;

  /**
   * Creates a requester without connections.
   *
   * @param options Options of sending requests.
   */
  constructor({ headers, authorization, secrets }: HttpRequesterOptions) {
    this.#headers = headers;
    this.#secrets = secrets;
    this.#authorization = authorization;
  }

  /** Whether the server has responded since the connections were renewed. */
  get hasResponded(): boolean {
    return this.#hasResponded;
  }

  /** Whether the last request was refused, and a token for it is being obtained. */
  get awaitsLogin(): boolean {
    return this.#awaitsLogin;
  }

  /** Sends all further requests on new connections. Pending requests keep theirs. */
  renewConnections(): void {
    this.close();
    this.#client = Deno.createHttpClient({ poolIdleTimeout: POOL_IDLE_MS });
    this.#unpooledClient = undefined;
    this.#hasResponded = false;
    this.#onlineBy = performance.now() + NETWORK_MS;
  }

  /** Closes the idle connections. */
  close(): void {
    this.#client.close();
    this.#unpooledClient?.close();
  }

  /**
   * Removes secrets from a text of the server: the secrets of its entry, of the url and of the session.
   *
   * @param text The text.
   * @param url The address of the request.
   */
  redactSecrets(text: string, url: URL): string {
    const sessionSecrets = [...secretsInUrl(url), ...this.#cookies.values, this.#sessionIdToRedact];
    return redactProbableSecrets(redactKnownSecrets(text, [...this.#secrets(), ...sessionSecrets]));
  }

  /**
   * Sends a request. A redirect is followed if it keeps the message and leads to the same origin: no other
   * origin may receive the headers.
   *
   * @param url The address.
   * @param request The request.
   * @returns The response if its status is 2xx.
   * @throws {RemoteFailure} if the request fails or is refused.
   * @throws {DownstreamError} if a login is needed.
   */
  async send(url: URL, request: RemoteRequest): Promise<Response> {
    const startedAt = performance.now();
    // The server may refuse the token (401) or its scope (403): the gateway renews the token once for each.
    const recoveredStatuses = new Set<number>();
    const context = { url, redactSecrets: (text: string) => this.redactSecrets(text, url) };
    let target = url;
    const visited: URL[] = [];
    for (;;) {
      const { response, sentAuthorization } = await this.#sendWhenOnline(target, request);
      if (response.ok) return response;
      if (REDIRECT_STATUSES.has(response.status)) {
        await response.body?.cancel();
        visited.push(target);
        target = findRedirectTarget(response, {
          from: target,
          method: request.method,
          visited,
          ...context,
        });
        continue;
      }
      if (this.#authorization !== undefined && needsAuthorization(response)) {
        await response.body?.cancel();
        if (recoveredStatuses.has(response.status)) throw createFreshTokenFailure(response, url);
        recoveredStatuses.add(response.status);
        this.#awaitsLogin = true;
        await this.#authorization.recover(response, {
          sentAuthorization,
          signal: request.signal,
        });
        continue;
      }
      if (response.status === 411 && !this.#requiresLength) {
        // The server requires a Content-Length, so the message has not reached a tool.
        this.#requiresLength = true;
        await response.body?.cancel();
        continue;
      }
      const waitMs = isBusy(response)
        ? readRetryAfter(response.headers.get("retry-after"))
        : undefined;
      const remainingMs = request.maxBusyWaitMs - (performance.now() - startedAt);
      if (waitMs === undefined || waitMs > remainingMs) {
        throw await createHttpFailure(response, { ...context, waitMs });
      }
      await response.body?.cancel();
      await wait(waitMs, request.signal);
    }
  }

  /** Sends a request. Repeats that while no connection can be made and the machine has just woken up. */
  async #sendWhenOnline(url: URL, request: RemoteRequest): Promise<SentRequest> {
    for (let pauseMs = NETWORK_PAUSE_MS;; pauseMs *= 2) {
      try {
        const sent = await this.#sendOnce(url, request);
        this.#awaitsLogin = false;
        return sent;
      } catch (cause) {
        const mayBeOffline = performance.now() < this.#onlineBy && isOffline(cause);
        if (request.signal.aborted || !mayBeOffline) throw cause;
      }
      await wait(pauseMs, request.signal);
    }
  }

  async #sendOnce(
    url: URL,
    { method, headers: requestHeaders, body, signal }: RemoteRequest,
  ): Promise<SentRequest> {
    const headers = new Headers(this.#headers);
    const authorizationHeaders = await this.#authorization?.getHeaders(signal);
    for (const [name, value] of Object.entries({ ...requestHeaders, ...authorizationHeaders })) {
      headers.set(name, value);
    }
    // A short compressed answer may take seconds to decode, and gigabytes of memory.
    headers.set("accept-encoding", "identity");
    const cookie = this.#cookies.headerFor(url, headers.get("cookie"));
    if (cookie !== undefined) headers.set("cookie", cookie);
    let response: Response;
    try {
      response = await fetch(url, {
        method,
        headers,
        signal,
        redirect: "manual",
        ...this.#bodyAndClient(body),
      });
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw explainNetworkFailure(cause, { url, isAnswering: false });
    }
    this.#hasResponded = true;
    const sessionId = response.headers.get("mcp-session-id") ?? this.#sessionIdToRedact;
    if (sessionId.length > MAX_SESSION_ID_LENGTH) {
      await response.body?.cancel();
      const message =
        `${url.host} sent a session id of more than ${MAX_SESSION_ID_LENGTH} characters`;
      throw new RemoteFailure(message, { reach: "refused" });
    }
    this.#cookies.store(response.headers, url);
    this.#sessionIdToRedact = sessionId;
    return { response, sentAuthorization: headers.get("authorization") ?? undefined };
  }

  /**
   * Returns the body, and the HTTP client that sends it. Deno repeats a request when a pooled connection
   * closes without a response, which would make a call twice. Deno does not repeat a request whose body is a
   * stream. A server that requires a Content-Length receives the body as a string, on an unpooled connection,
   * where Deno does not repeat requests either.
   */
  #bodyAndClient(body: string | undefined): RequestInit & { client: Deno.HttpClient } {
    if (body === undefined) return { client: this.#client };
    if (this.#requiresLength) {
      this.#unpooledClient ??= Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
      return { client: this.#unpooledClient, body };
    }
    return { client: this.#client, body: ReadableStream.from([new TextEncoder().encode(body)]) };
  }
}

function isBusy({ status }: Response): boolean {
  return status === 429 || status === 503;
}

function needsAuthorization({ status, headers }: Response): boolean {
  return status === 401 ||
    (status === 403 && /insufficient_scope/.test(headers.get("www-authenticate") ?? ""));
}

/** Describes the refusal of a token that was just issued, without the hint to check the headers of the entry. */
function createFreshTokenFailure({ status }: Response, { host }: URL): RemoteFailure {
  const message = `${host} refuses the token that was just issued for it (HTTP ${status}); ` +
    "call again, and if that does not help, report it to the operator of the server";
  return new RemoteFailure(message, { reach: "refused", status, problem: "status" });
}
