import { within } from "../../within.ts";
import { LoginFailure } from "./login_failure.ts";
import { readRequestTarget, type SmallResponse, writeResponse } from "./small_http.ts";

/**
 * Path of the redirect URI. Clients that are registered by hand must be registered with this path.
 */
export const REDIRECT_PATH = "/callback";

/** Maximum time to send the page to the browser when the login ends, in milliseconds. */
const PAGE_TIMEOUT_MS = 1000;

/** Maximum time for a connection to send its request, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Maximum number of connections that have sent no request; browsers open connections that they
 * never use.
 */
const MAX_WAITING_CONNECTIONS = 32;

/** The page that the browser shows. */
export interface Page {
  readonly title: string;
  readonly text: string;
}

/** Headers that prevent caching, framing, scripts and referrers. */
const HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
};

/**
 * Listens on this machine for the redirect at the end of a login. It parses HTTP itself, because
 * Deno's HTTP server writes the URL of each request into its traces, and this URL contains the
 * code.
 */
export class RedirectListener implements AsyncDisposable {
  /** The redirect URI. */
  readonly uri: string;
  /** Resolves to the query of the redirect. Redirects with another state are ignored. */
  readonly redirectQuery: Promise<URLSearchParams>;
  readonly #state: string;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Map<Deno.TcpConn, Promise<void>>();
  readonly #waitingConnections = new Set<Deno.TcpConn>();
  readonly #acceptLoop: Promise<void>;
  readonly #redirectQuery = Promise.withResolvers<URLSearchParams>();
  readonly #page = Promise.withResolvers<Page>();

  /**
   * Starts to listen.
   *
   * @param state The `state` parameter of this login.
   * @param port 0 for any free port.
   * @throws {LoginFailure} if the port is in use.
   */
  constructor(state: string, port: number) {
    this.#state = state;
    this.redirectQuery = this.#redirectQuery.promise;
    try {
      this.#listener = Deno.listen({ hostname: "127.0.0.1", port });
    } catch (cause) {
      if (!(cause instanceof Deno.errors.AddrInUse)) throw cause;
      const message =
        `port ${port}, which the browser is redirected to, is in use by another program. ` +
        "Stop that program, or change `gateway.oauth.redirect_port`.";
      throw new LoginFailure(message, { cause });
    }
    this.uri = `http://127.0.0.1:${this.#listener.addr.port}${REDIRECT_PATH}`;
    this.#acceptLoop = this.#acceptConnections();
  }

  /** Shows the result of the login in the browser. */
  showPage(page: Page): void {
    this.#page.resolve(page);
  }

  /** Stops listening. Sends a page to a browser that waits for one. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.showPage({ title: "The login has ended", text: "Nothing is waiting for it any more." });
    this.#listener.close();
    await this.#acceptLoop;
    for (const connection of this.#waitingConnections) closeConnection(connection);
    await within(Promise.all(this.#connections.values()), PAGE_TIMEOUT_MS);
    for (const connection of this.#connections.keys()) closeConnection(connection);
    await Promise.all(this.#connections.values());
  }

  async #acceptConnections(): Promise<void> {
    for (;;) {
      try {
        this.#addConnection(await this.#listener.accept());
      } catch (error) {
        // The listener was closed. Any other error concerns one connection only.
        if (error instanceof Deno.errors.BadResource) return;
      }
    }
  }

  #addConnection(connection: Deno.TcpConn): void {
    // Close the oldest connection, so that idle connections cannot block the browser.
    const [oldest] = this.#waitingConnections;
    if (this.#waitingConnections.size >= MAX_WAITING_CONNECTIONS && oldest !== undefined) {
      closeConnection(oldest);
    }
    this.#waitingConnections.add(connection);
    const done = this.#serveConnection(connection).finally(() => {
      closeConnection(connection);
      this.#waitingConnections.delete(connection);
      this.#connections.delete(connection);
    });
    this.#connections.set(connection, done);
  }

  async #serveConnection(connection: Deno.TcpConn): Promise<void> {
    const timer = setTimeout(() => closeConnection(connection), REQUEST_TIMEOUT_MS);
    try {
      const target = await readRequestTarget(connection);
      clearTimeout(timer);
      this.#waitingConnections.delete(connection);
      await writeResponse(connection, await this.#createResponse(target));
    } catch {
      // The browser disconnected or was too slow.
    } finally {
      clearTimeout(timer);
    }
  }

  async #createResponse(target: string | undefined): Promise<SmallResponse> {
    const url = target === undefined ? null : URL.parse(target, this.uri);
    if (url?.pathname !== REDIRECT_PATH) {
      return createPageResponse(404, {
        title: "Nothing here",
        text: "This address is part of a login.",
      });
    }
    // The redirect belongs to another login or is forged. Continue to wait for the right one.
    if (url.searchParams.get("state") !== this.#state) {
      const text = "This answer belongs to another login and was ignored.";
      return createPageResponse(400, { title: "Not this login", text });
    }
    this.#redirectQuery.resolve(url.searchParams);
    return createPageResponse(200, await this.#page.promise);
  }
}

/** Closes a connection that may be closed already. */
function closeConnection(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

function createPageResponse(status: SmallResponse["status"], { title, text }: Page): SmallResponse {
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeHtml(title)}` +
    "</title><style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto;" +
    `padding:0 1rem}</style><h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p></html>\n`;
  return { status, headers: HEADERS, body };
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
