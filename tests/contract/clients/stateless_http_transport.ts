import { AgentSession } from "../../e2e/agent_session.ts";
import { statelessHeaders } from "../../e2e/eras_clients.ts";
import { startGateway } from "../../e2e/gateway.ts";
import type { LineTransport, Message } from "../../e2e/raw_client.ts";
import { ARGS, type ClientTransport, NOT_FOUND } from "./transport.ts";

/** Streamable HTTP without sessions: one gateway process for all clients. */
export const STATELESS_HTTP: ClientTransport = {
  name: "http",
  deviations: {},
  start: async (servers) => {
    const gateway = await startGateway({
      servers,
      args: ARGS,
      transport: "http",
      initialize: false,
    });
    return {
      notFoundCode: NOT_FOUND,
      connect: () => {
        const { url, program } = gateway;
        const transport = new StatelessHttpTransport(url, () => program.stderr);
        return Promise.resolve(new AgentSession(transport));
      },
      [Symbol.asyncDispose]: () => gateway.end(),
    };
  },
};

/** POSTs each written request by itself, and passes each received message to `onLine`. */
class StatelessHttpTransport implements LineTransport {
  readonly lines: string[] = [];
  onLine: (line: string) => void = () => {};
  onEnd: () => void = () => {};
  readonly #url: string;
  readonly #readStderr: () => string;
  readonly #active = new Map<unknown, AbortController>();

  constructor(url: string, readStderr: () => string) {
    this.#url = url;
    this.#readStderr = readStderr;
  }

  get stderr(): string {
    return this.#readStderr();
  }

  write(text: string | Uint8Array<ArrayBuffer>): Promise<void> {
    for (const line of String(text).split("\n")) {
      if (line === "") continue;
      const message: Message = JSON.parse(line);
      // A client cancels a request by closing its connection.
      if (message.method === "notifications/cancelled") {
        this.#active.get(message.params?.requestId)?.abort();
      } else void this.#post(line, message);
    }
    return Promise.resolve();
  }

  async #post(body: string, message: Message): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    this.#active.set(message.id, controller);
    try {
      const headers = statelessHeaders(message);
      const response = await fetch(this.#url, { method: "POST", headers, body, signal });
      await this.#receive(response);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#active.delete(message.id);
    }
  }

  async #receive(response: Response): Promise<void> {
    const type = response.headers.get("content-type");
    if (type !== "text/event-stream") return this.#addLines(type, await response.text());
    let incomplete = "";
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const end = (incomplete + chunk).lastIndexOf("\n\n") + 2;
      if (end < 2) incomplete += chunk;
      else {
        this.#addLines(type, (incomplete + chunk).slice(0, end));
        incomplete = (incomplete + chunk).slice(end);
      }
    }
  }

  #addLines(type: string | null, text: string): void {
    if (type !== "text/event-stream") return this.#addLine(text);
    for (const [, line = ""] of text.matchAll(/^data: (.+)$/gm)) this.#addLine(line);
  }

  #addLine(line: string): void {
    if (line === "") return;
    this.lines.push(line);
    this.onLine(line);
  }
}
