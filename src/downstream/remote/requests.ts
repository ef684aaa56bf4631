import { redact } from "../../redact.ts";
import type { Authorization } from "../authorization.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { CookieJar } from "./cookie_jar.ts";
import { networkFailure } from "./network_words.ts";
import { secretsOfUrl } from "./quote.ts";
import { MAX_REDIRECTS, REDIRECTS } from "../http_answers.ts";
import { redirectTarget } from "./redirects.ts";
import { refusalOf } from "./refusals.ts";
import { pause, readRetryAfter } from "./retry_after.ts";

/**
 * How long a connection waits for its next request, in milliseconds. Servers close theirs after 5 s
 * and more; a request that meets a closing one gets no answer, and must not be sent again.
 */
const POOL_IDLE_MS = 4000;

/** A request before it is sent. */
export interface RemoteRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** What the SDK puts into its headers. */
  readonly headers: Headers;
  /** The message of a POST. */
  readonly body?: string;
  /** Gives up; its reason is thrown. */
  readonly signal: AbortSignal;
  /** How long may be waited for a server that is busy, in milliseconds. */
  readonly patienceMs: number;
}

/** How requests are made. */
export interface RequestsOptions {
  /** Headers of every request, as configured. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where what else they bear comes from. */
  readonly authorization: Authorization | undefined;
  /** What must not be quoted of what the server says. */
  readonly secrets?: () => readonly string[];
}

/** Sends the requests of one remote server, each of them once as far as its tools can tell. */
export class Requests {
  readonly #headers: Readonly<Record<string, string>>;
  readonly #authorization: Authorization | undefined;
  readonly #secrets: () => readonly string[];
  readonly #cookies = new CookieJar();
  #sessionId = "";
  // It takes the way through a proxy from the environment, and authorities from NODE_EXTRA_CA_CERTS.
  readonly #client = Deno.createHttpClient({ poolIdleTimeout: POOL_IDLE_MS });
  #wantsLength = false;
  #lengthClient: Deno.HttpClient | undefined;

  /**
   * Prepares; nothing is opened yet.
   *
   * @param options See there.
   */
  constructor({ headers, authorization, secrets = () => [] }: RequestsOptions) {
    this.#headers = headers;
    this.#secrets = secrets;
    this.#authorization = authorization;
  }

  /** Closes the connections that wait for a next request. */
  close(): void {
    this.#client.close();
    this.#lengthClient?.close();
  }

  /**
   * Removes what must not be said from a text of the server: secrets of its entry, of its url, and of
   * this session.
   *
   * @param text What the server said.
   * @param url What was asked.
   */
  clean(text: string, url: URL): string {
    const own = [...secretsOfUrl(url), ...this.#cookies.values, this.#sessionId];
    return redact(text, [...this.#secrets(), ...own]);
  }

  /**
   * Sends a request. Redirects are followed within the origin, except where the message would be lost
   * on the way: what a request bears is meant for this origin alone.
   *
   * @param url Where to.
   * @param request What.
   * @returns The answer, where it is a good one.
   * @throws {RemoteFailure} in all other cases.
   * @throws {DownstreamError} where a login is needed.
   */
  async send(url: URL, request: RemoteRequest): Promise<Response> {
    const started = performance.now();
    // A login may be good, and not reach for this request: either is made good, once.
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
        await this.#authorization.recover(response, { sent, signal: request.signal });
        continue;
      }
      if (response.status === 411 && !this.#wantsLength) {
        // Refused for its form alone, so it did not reach a tool.
        this.#wantsLength = true;
        await response.body?.cancel();
        continue;
      }
      const waitMs = isBusy(response)
        ? readRetryAfter(response.headers.get("retry-after"))
        : undefined;
      const left = request.patienceMs - (performance.now() - started);
      if (waitMs === undefined || waitMs > left) {
        throw await refusalOf(response, { ...context, waitMs });
      }
      await response.body?.cancel();
      await pause(waitMs, request.signal);
    }
  }

  async #sendOnce(
    url: URL,
    { method, headers: own, body, signal }: RemoteRequest,
  ): Promise<{ response: Response; sent: string | undefined }> {
    const headers = new Headers(this.#headers);
    for (const [name, value] of own) headers.set(name, value);
    const borne = await this.#authorization?.headers(signal) ?? {};
    for (const [name, value] of Object.entries(borne)) headers.set(name, value);
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
      throw networkFailure(cause, url, false);
    }
  }

  /**
   * Deno sends a request again by itself when a connection that it kept closes without an answer, and
   * a call would be made twice. It cannot do that with a stream, whose bytes are gone; nor on
   * connections that are not kept, for servers that want to know the length beforehand.
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

/** Of a login that was just made or widened; the headers of the entry have nothing to do with it. */
function stillRefused({ status }: Response, { host }: URL): RemoteFailure {
  const message = `${host} refuses the token that it has just asked for (HTTP ${status}); ` +
    "call again, and if that does not help, tell whoever runs the server";
  return new RemoteFailure(message, { reach: "refused", status, problem: "status" });
}
