import { within } from "../../within.ts";
import { LoginFailed } from "./failures.ts";
import { readTarget, type SmallAnswer, writeAnswer } from "./small_http.ts";

/** Path of the redirect; a client that is registered by hand is registered with it. */
export const REDIRECT_PATH = "/callback";

/** How long the browser gets to take its page, in milliseconds. */
const GOODBYE_MS = 1000;

/** How long a connection may take to ask for something, in milliseconds. */
const READ_MS = 10_000;

/** How many connections may be about to ask; browsers open some that they never use. */
const MAX_READING = 32;

/** What the browser shows. */
export interface Page {
  readonly title: string;
  readonly text: string;
}

/** What keeps the page from being kept, framed, run or followed. */
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
 * Waits on this machine for the browser to come back from a login. It reads HTTP by itself, because
 * Deno's own servers write the whole address of a request into its traces, and this one's holds the
 * code.
 */
export class RedirectListener implements AsyncDisposable {
  /** Where the browser is to be sent. */
  readonly uri: string;
  /** What it brings; only what bears the right state counts. */
  readonly answer: Promise<URLSearchParams>;
  readonly #state: string;
  readonly #listener: Deno.TcpListener;
  readonly #served = new Map<Deno.TcpConn, Promise<void>>();
  readonly #reading = new Set<Deno.TcpConn>();
  readonly #accepting: Promise<void>;
  readonly #answer = Promise.withResolvers<URLSearchParams>();
  readonly #page = Promise.withResolvers<Page>();

  /**
   * Begins to listen.
   *
   * @param state What tells this login from others.
   * @param port Where; 0 for any free port.
   * @throws {LoginFailed} where the port is in use.
   */
  constructor(state: string, port: number) {
    this.#state = state;
    this.answer = this.#answer.promise;
    try {
      this.#listener = Deno.listen({ hostname: "127.0.0.1", port });
    } catch (cause) {
      if (!(cause instanceof Deno.errors.AddrInUse)) throw cause;
      const message = `port ${port}, where the browser would come back to, is in use by another ` +
        "program. End that, or change `gateway.oauth.redirect_port`.";
      throw new LoginFailed(message, { cause });
    }
    this.uri = `http://127.0.0.1:${this.#listener.addr.port}${REDIRECT_PATH}`;
    this.#accepting = this.#accept();
  }

  /** Says how the login went, to the browser that waits for it. */
  show(page: Page): void {
    this.#page.resolve(page);
  }

  /** Ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.show({ title: "The login has ended", text: "Nothing waits for it any more." });
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
        // It was closed. All other trouble is that of one connection.
        if (error instanceof Deno.errors.BadResource) return;
      }
    }
  }

  #take(connection: Deno.TcpConn): void {
    // The oldest gives way: nobody can keep the browser out.
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
      // Whoever it was has gone, or was too slow.
    } finally {
      clearTimeout(timer);
    }
  }

  async #answerTo(target: string | undefined): Promise<SmallAnswer> {
    const url = target === undefined ? null : URL.parse(target, this.uri);
    if (url?.pathname !== REDIRECT_PATH) {
      return makeAnswer(404, { title: "Nothing here", text: "This address is part of a login." });
    }
    // Somebody else's answer, or a forged one: the right one may still come.
    if (url.searchParams.get("state") !== this.#state) {
      const text = "This answer belongs to another login. Nothing was taken from it.";
      return makeAnswer(400, { title: "Not this login", text });
    }
    this.#answer.resolve(url.searchParams);
    return makeAnswer(200, await this.#page.promise);
  }
}

/** Closes a connection, which may be closed already. */
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
