import type { Wire } from "./raw_client.ts";

const TYPES = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};

/** Options of a client over HTTP. */
export interface HttpWireOptions {
  /** URL of the MCP endpoint. */
  readonly url: string;
  /** Further headers of every request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The gateway's standard error. */
  readonly stderr?: () => string;
}

/** Streamable HTTP as lines: each line is POSTed, and each message of a response is a line. */
export class HttpWire implements Wire {
  readonly lines: string[] = [];
  /** Statuses of all responses. */
  readonly statuses: number[] = [];
  onLine: (line: string) => void = () => {};
  onEnd: () => void = () => {};
  readonly #options: HttpWireOptions;
  readonly #abort = new AbortController();
  readonly #open = new Set<Promise<void>>();
  #session: string | undefined;
  #isListening = false;

  /** Sends nothing yet. */
  constructor(options: HttpWireOptions) {
    this.#options = options;
  }

  get stderr(): string {
    return this.#options.stderr?.() ?? "";
  }

  /** Id of the session. */
  get session(): string | undefined {
    return this.#session;
  }

  /** Sends each line. Resolves when the notifications have been accepted. */
  async write(text: string | Uint8Array<ArrayBuffer>): Promise<void> {
    const bodies = typeof text === "string"
      ? text.split("\n").filter((line) => line !== "")
      : [text];
    for (const body of bodies) {
      const posted = this.#track(this.#post(body));
      const asks = typeof body === "string" && /"id":/.test(body) && /"method":/.test(body);
      // The session id comes with the answer to the first message.
      if (!asks || this.#session === undefined) await posted;
    }
    if (this.#session !== undefined && !this.#isListening) await this.listen();
  }

  /** Opens the standalone SSE stream. */
  async listen(): Promise<void> {
    this.#isListening = true;
    const response = await this.#fetch("GET");
    this.#track(this.#read(response));
  }

  /** Disconnects without ending the session, as clients do. */
  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#open);
    this.onEnd();
  }

  async #post(body: string | Uint8Array<ArrayBuffer>): Promise<void> {
    const response = await this.#fetch("POST", body);
    this.statuses.push(response.status);
    this.#session ??= response.headers.get("mcp-session-id") ?? undefined;
    await this.#read(response);
  }

  async #fetch(method: string, body?: string | Uint8Array<ArrayBuffer>): Promise<Response> {
    const session = this.#session === undefined ? {} : { "mcp-session-id": this.#session };
    const { url, headers } = this.#options;
    return await fetch(url, {
      method,
      headers: { ...TYPES, ...session, ...headers },
      signal: this.#abort.signal,
      ...(body === undefined ? {} : { body }),
    });
  }

  async #read(response: Response): Promise<void> {
    if (response.headers.get("content-type") !== "text/event-stream") {
      const text = await response.text();
      if (text !== "") this.#take(text);
      return;
    }
    let rest = "";
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const events = (rest + piece).split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events) {
        const [, data = ""] = /^data: (.+)$/m.exec(event) ?? [];
        if (data !== "") this.#take(data);
      }
    }
  }

  #take(line: string): void {
    this.lines.push(line);
    this.onLine(line);
  }

  #track(work: Promise<void>): Promise<void> {
    const tracked = work.catch((error) => {
      if (!(error instanceof TypeError) && !this.#abort.signal.aborted) throw error;
      // The service has ended.
      this.onEnd();
    }).finally(() => this.#open.delete(tracked));
    this.#open.add(tracked);
    return tracked;
  }
}
