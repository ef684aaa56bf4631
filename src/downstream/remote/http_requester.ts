import { wait } from "../../within.ts";
import { redact, redactText } from "../../redact.ts";
import type { Authorization } from "../authorization.ts";
import { MAX_REDIRECTS, REDIRECTS } from "../http_answers.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { CookieJar } from "./cookie_jar.ts";
import { httpFailure } from "./http_error.ts";
import { networkFailure } from "./network_error.ts";
import { secretsOfUrl } from "./quote.ts";
import { redirectTarget } from "./redirects.ts";
import { readRetryAfter } from "./retry_after.ts";

/**
 * Time that a connection waits for its next request, in milliseconds. Servers close theirs after 5 s
 * and more; a request that meets a closing one gets no answer, and must not be sent again.
 */
const POOL_IDLE_MS = 4000;

/** An HTTP request before it is sent. */
export interface RemoteRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** The headers that the transport sets; they replace those of the server's entry. */
  readonly headers: Readonly<Record<string, string>>;
  /** The message of a POST. */
  readonly body?: string;
  /** Aborts the request; its reason is thrown. */
  readonly signal: AbortSignal;
  /** Maximum wait for a server that says it is busy, in milliseconds. */
  readonly patienceMs: number;
}

/** Options of sending requests. */
export interface HttpRequesterOptions {
  /** The headers of every request, as configured. */
  readonly headers: Readonly<Record<string, string>>;
  /** Adds the token of a login. */
  readonly authorization: Authorization | undefined;
  /** Texts that must not be quoted when the server sends them. */
  readonly secrets: () => readonly string[];
}

/** Sends the requests to one remote server, each of them once as far as its tools can tell. */
export class HttpRequester {
  readonly #headers: Readonly<Record<string, string>>;
  readonly #authorization: Authorization | undefined;
  readonly #secrets: () => readonly string[];
  readonly #cookies = new CookieJar();
  #sessionId = "";
  // It reads the proxy from the environment, and certificate authorities from NODE_EXTRA_CA_CERTS.
  readonly #client = Deno.createHttpClient({ poolIdleTimeout: POOL_IDLE_MS });
  #wantsLength = false;
  #lengthClient: Deno.HttpClient | undefined;

  /**
   * Opens nothing yet.
   *
   * @param options Options of sending requests.
   */
  constructor({ headers, authorization, secrets }: HttpRequesterOptions) {
    this.#headers = headers;
    this.#secrets = secrets;
    this.#authorization = authorization;
  }

  /** Closes the idle connections. */
  close(): void {
    this.#client.close();
    this.#lengthClient?.close();
  }

  /**
   * Removes secrets from a text of the server: those of its entry, of its url, and of this session.
   *
   * @param text The text.
   * @param url The address of the request.
   */
  clean(text: string, url: URL): string {
    const own = [...secretsOfUrl(url), ...this.#cookies.values, this.#sessionId];
    return redactText(redact(text, [...this.#secrets(), ...own]));
  }

  /**
   * Sends a request. Redirects are followed within the origin, for which alone its headers are meant,
   * unless the message would be lost on the way.
   *
   * @param url The address.
   * @param request The request.
   * @returns The response if its status is 2xx.
   * @throws {RemoteFailure} in all other cases.
   * @throws {DownstreamError} if a login is needed.
   */
  async send(url: URL, request: RemoteRequest): Promise<Response> {
    const started = performance.now();
    // A token may be refused, or not suffice for this request: each is recovered from once.
    const recovered = new Set<number>();
    const context = { url, clean: (text: string) => this.clean(text, url) };
    let target = url;
    for (let redirects = 0;;) {
      const { response, sent } = await this.#sendOnce(target, request);
      if (response.ok) return response;
      if (REDIRECTS.has(response.status)) {
        await response.body?.cancel();
        const isLast = ++redirects > MAX_REDIRECTS;
        target = redirectTarget(response, {
          from: target,
          method: request.method,
          isLast,
          ...context,
        });
        continue;
      }
      if (this.#authorization !== undefined && needsAuthorization(response)) {
        await response.body?.cancel();
        if (recovered.has(response.status)) throw stillRefused(response, url);
        recovered.add(response.status);
        await this.#authorization.recover(response, {
          sentAuthorization: sent,
          signal: request.signal,
        });
        continue;
      }
      if (response.status === 411 && !this.#wantsLength) {
        // The server only wants to know the length beforehand, so the message reached no tool.
        this.#wantsLength = true;
        await response.body?.cancel();
        continue;
      }
      const waitMs = isBusy(response)
        ? readRetryAfter(response.headers.get("retry-after"))
        : undefined;
      const left = request.patienceMs - (performance.now() - started);
      if (waitMs === undefined || waitMs > left) {
        throw await httpFailure(response, { ...context, waitMs });
      }
      await response.body?.cancel();
      await wait(waitMs, request.signal);
    }
  }

  async #sendOnce(
    url: URL,
    { method, headers: own, body, signal }: RemoteRequest,
  ): Promise<{ response: Response; sent: string | undefined }> {
    const headers = new Headers(this.#headers);
    const token = await this.#authorization?.headers(signal);
    for (const [name, value] of Object.entries({ ...own, ...token })) headers.set(name, value);
    const cookie = this.#cookies.header(url, headers.get("cookie"));
    if (cookie !== undefined) headers.set("cookie", cookie);
    try {
      const response = await fetch(url, {
        method,
        headers,
        signal,
        redirect: "manual",
        ...this.#bodyOf(body),
      });
      this.#cookies.keep(response.headers, url);
      this.#sessionId = response.headers.get("mcp-session-id") ?? this.#sessionId;
      return { response, sent: headers.get("authorization") ?? undefined };
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw networkFailure(cause, { url, isAnswering: false });
    }
  }

  /**
   * Deno repeats a request by itself when a connection from its pool closes without a response, and
   * a call would be made twice. It cannot repeat a stream, whose bytes are gone; nor does it on
   * connections without a pool, for servers that want to know the length beforehand.
   */
  #bodyOf(body: string | undefined): RequestInit & { client: Deno.HttpClient } {
    if (body === undefined) return { client: this.#client };
    if (this.#wantsLength) {
      this.#lengthClient ??= Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
      return { client: this.#lengthClient, body };
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

/** The failure of a token that was just issued; the headers of the entry have nothing to do with it. */
function stillRefused({ status }: Response, { host }: URL): RemoteFailure {
  const message = `${host} refuses the token that it has just asked for (HTTP ${status}); ` +
    "call again, and if that does not help, tell whoever runs the server";
  return new RemoteFailure(message, { reach: "refused", status, problem: "status" });
}
