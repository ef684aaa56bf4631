import type { LineTransport } from "./raw_client.ts";

const HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};

/** Options of an `HttpTransport`. */
export interface HttpTransportOptions {
  /** URL of the MCP endpoint. */
  readonly url: string;
  /** Further headers of every request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The gateway's standard error. */
  readonly stderr?: () => string;
}

/** A line transport over Streamable HTTP: POSTs each written line, and passes each received message to `onLine`. */
export class HttpTransport implements LineTransport {
  readonly lines: string[] = [];
  /** HTTP statuses of the responses to all POST requests. */
  readonly statuses: number[] = [];
  onLine: (line: string) => void = () => {};
  onEnd: () => void = () => {};
  readonly #options: HttpTransportOptions;
  readonly #abort = new AbortController();
  readonly #pendingWork = new Set<Promise<void>>();
  #sessionId: string | undefined;
  #hasOpenStream = false;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
  }

  get stderr(): string {
    return this.#options.stderr?.() ?? "";
  }

  /** Id of the session; `undefined` until the first response. */
  get sessionId(): string | undefined {
    return this.#sessionId;
  }

  /** POSTs each line. Waits for the responses to notifications and to the first request, but not to later requests. */
  async write(text: string | Uint8Array<ArrayBuffer>): Promise<void> {
    const bodies = typeof text === "string"
      ? text.split("\n").filter((line) => line !== "")
      : [text];
    for (const body of bodies) {
      const posted = this.#trackWork(this.#post(body));
      const isRequest = typeof body === "string" && /"id":/.test(body) && /"method":/.test(body);
      // Later requests need the session id, which is in the response to the first one.
      if (!isRequest || this.#sessionId === undefined) await posted;
    }
    if (this.#sessionId !== undefined && !this.#hasOpenStream) await this.listen();
  }

  /** Opens the SSE stream for messages that do not belong to a request. */
  async listen(): Promise<void> {
    this.#hasOpenStream = true;
    const response = await this.#fetch("GET");
    this.#trackWork(this.#readMessages(response));
  }

  /** Disconnects without ending the session. */
  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#pendingWork);
    this.onEnd();
  }

  async #post(body: string | Uint8Array<ArrayBuffer>): Promise<void> {
    const response = await this.#fetch("POST", body);
    this.statuses.push(response.status);
    this.#sessionId ??= response.headers.get("mcp-session-id") ?? undefined;
    await this.#readMessages(response);
  }

  async #fetch(method: string, body?: string | Uint8Array<ArrayBuffer>): Promise<Response> {
    const session = this.#sessionId === undefined ? {} : { "mcp-session-id": this.#sessionId };
    const { url, headers } = this.#options;
    return await fetch(url, {
      method,
      headers: { ...HEADERS, ...session, ...headers },
      signal: this.#abort.signal,
      ...(body === undefined ? {} : { body }),
    });
  }

  async #readMessages(response: Response): Promise<void> {
    if (response.headers.get("content-type") !== "text/event-stream") {
      const text = await response.text();
      if (text !== "") this.#addLine(text);
      return;
    }
    let incompleteEvent = "";
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const events = (incompleteEvent + chunk).split("\n\n");
      incompleteEvent = events.pop() ?? "";
      for (const event of events) {
        const [, data = ""] = /^data: (.+)$/m.exec(event) ?? [];
        if (data !== "") this.#addLine(data);
      }
    }
  }

  #addLine(line: string): void {
    this.lines.push(line);
    this.onLine(line);
  }

  #trackWork(work: Promise<void>): Promise<void> {
    const tracked = work.catch((error) => {
      if (!(error instanceof TypeError) && !this.#abort.signal.aborted) throw error;
      // The gateway has ended.
      this.onEnd();
    }).finally(() => this.#pendingWork.delete(tracked));
    this.#pendingWork.add(tracked);
    return tracked;
  }
}
