import { within } from "../../within.ts";
import { LoginFailed } from "./failures.ts";
import { readTarget, type SmallAnswer, writeAnswer } from "./small_http.ts";

/** Path of the redirect URI. A client that is registered by hand must be registered with it. */
export const REDIRECT_PATH = "/callback";

/** Maximum time for the browser to receive its page, in milliseconds. */
const GOODBYE_MS = 1000;

/** Maximum time for a connection to send its request, in milliseconds. */
const READ_MS = 10_000;

/** Maximum number of connections without a request; browsers open some that they never use. */
const MAX_READING = 32;

/** The page that the browser shows. */
export interface Page {
  readonly title: string;
  readonly text: string;
}

/** Headers against caching, framing, scripts and referrers. */
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
 * Listens on this machine for the redirect of a login. It parses HTTP itself, because Deno's
 * servers write the complete URL of a request into their traces, and this URL contains the code.
 */
export class RedirectListener implements AsyncDisposable {
  /** The redirect URI. */
  readonly uri: string;
  /** The query of the redirect; redirects with another state are ignored. */
  readonly answer: Promise<URLSearchParams>;
  readonly #state: string;
  readonly #listener: Deno.TcpListener;
  readonly #served = new Map<Deno.TcpConn, Promise<void>>();
  readonly #reading = new Set<Deno.TcpConn>();
  readonly #accepting: Promise<void>;
  readonly #answer = Promise.withResolvers<URLSearchParams>();
  readonly #page = Promise.withResolvers<Page>();

  /**
   * Starts to listen.
   *
   * @param state Identifies this login.
   * @param port 0 for any free port.
   * @throws {LoginFailed} if the port is in use.
   */
  constructor(state: string, port: number) {
    this.#state = state;
    this.answer = this.#answer.promise;
    try {
      this.#listener = Deno.listen({ hostname: "127.0.0.1", port });
    } catch (cause) {
      if (!(cause instanceof Deno.errors.AddrInUse)) throw cause;
      const message =
        `port ${port}, which the browser is redirected to, is in use by another program. ` +
        "Stop that program, or change `gateway.oauth.redirect_port`.";
      throw new LoginFailed(message, { cause });
    }
    this.uri = `http://127.0.0.1:${this.#listener.addr.port}${REDIRECT_PATH}`;
    this.#accepting = this.#accept();
  }

  /** Shows the result of the login in the browser. */
  show(page: Page): void {
    this.#page.resolve(page);
  }

  /** Stops listening, after a browser that is waiting has its page. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.show({ title: "The login has ended", text: "Nothing is waiting for it any more." });
    this.#listener.close();
    await this.#accepting;
    for (const connection of this.#reading) close(connection);
    await within(Promise.all(this.#served.values()), GOODBYE_MS);
    for (const connection of this.#served.keys()) close(connection);
    await Promise.all(this.#served.values());
  }

  async #accept(): Promise<void> {
    for (;;) {
      try {
        this.#take(await this.#listener.accept());
      } catch (error) {
        // The listener was closed. Any other error concerns one connection only.
        if (error instanceof Deno.errors.BadResource) return;
      }
    }
  }

  #take(connection: Deno.TcpConn): void {
    // The oldest is closed, so that no one can block the browser.
    const [oldest] = this.#reading;
    if (this.#reading.size >= MAX_READING && oldest !== undefined) close(oldest);
    this.#reading.add(connection);
    const served = this.#serve(connection).finally(() => {
      close(connection);
      this.#reading.delete(connection);
      this.#served.delete(connection);
    });
    this.#served.set(connection, served);
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    const timer = setTimeout(() => close(connection), READ_MS);
    try {
      const target = await readTarget(connection);
      clearTimeout(timer);
      this.#reading.delete(connection);
      await writeAnswer(connection, await this.#answerTo(target));
    } catch {
      // The peer disconnected or was too slow.
    } finally {
      clearTimeout(timer);
    }
  }

  async #answerTo(target: string | undefined): Promise<SmallAnswer> {
    const url = target === undefined ? null : URL.parse(target, this.uri);
    if (url?.pathname !== REDIRECT_PATH) {
      return makeAnswer(404, { title: "Nothing here", text: "This address is part of a login." });
    }
    // A redirect of another login, or a forged one; the right one may still come.
    if (url.searchParams.get("state") !== this.#state) {
      const text = "This answer belongs to another login and was ignored.";
      return makeAnswer(400, { title: "Not this login", text });
    }
    this.#answer.resolve(url.searchParams);
    return makeAnswer(200, await this.#page.promise);
  }
}

/** Closes a connection unless it is closed already. */
function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

function makeAnswer(status: SmallAnswer["status"], { title, text }: Page): SmallAnswer {
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}` +
    "</title><style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto;" +
    `padding:0 1rem}</style><h1>${escape(title)}</h1><p>${escape(text)}</p></html>\n`;
  return { status, headers: HEADERS, body };
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
