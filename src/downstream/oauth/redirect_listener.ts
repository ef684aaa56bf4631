import { within } from "../within.ts";
import { LoginFailed } from "./failures.ts";

/** Path of the redirect; a client that is registered by hand is registered with it. */
export const REDIRECT_PATH = "/callback";

/** How long the browser gets to take its page, in milliseconds. */
const GOODBYE_MS = 1000;

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
  "connection": "close",
};

/** Waits on this machine for the browser to come back from a login. */
export class RedirectListener implements AsyncDisposable {
  /** Where the browser is to be sent. */
  readonly uri: string;
  /** What it brings; only what bears the right state counts. */
  readonly answer: Promise<URLSearchParams>;
  readonly #state: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
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
    const options = { hostname: "127.0.0.1", port, onListen: () => {} };
    try {
      this.#server = Deno.serve(options, (request) => this.#serve(request));
    } catch (cause) {
      if (!(cause instanceof Deno.errors.AddrInUse)) throw cause;
      const message = `port ${port}, where the browser would come back to, is in use by another ` +
        "program. End that, or change `gateway.oauth.redirect_port`.";
      throw new LoginFailed(message, { cause });
    }
    this.uri = `http://127.0.0.1:${this.#server.addr.port}${REDIRECT_PATH}`;
  }

  /** Says how the login went, to the browser that waits for it. */
  show(page: Page): void {
    this.#page.resolve(page);
  }

  /** Ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.show({ title: "The login has ended", text: "Nothing waits for it any more." });
    await within(this.#server.shutdown(), GOODBYE_MS);
  }

  async #serve(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== REDIRECT_PATH || request.method !== "GET") {
      return respond(404, { title: "Nothing here", text: "This address is part of a login." });
    }
    // Somebody else's answer, or a forged one: the right one may still come.
    if (searchParams.get("state") !== this.#state) {
      const text = "This answer belongs to another login. Nothing was taken from it.";
      return respond(400, { title: "Not this login", text });
    }
    this.#answer.resolve(searchParams);
    return respond(200, await this.#page.promise);
  }
}

function respond(status: number, { title, text }: Page): Response {
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}` +
    "</title><style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto;" +
    `padding:0 1rem}</style><h1>${escape(title)}</h1><p>${escape(text)}</p></html>\n`;
  return new Response(html, { status, headers: HEADERS });
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
