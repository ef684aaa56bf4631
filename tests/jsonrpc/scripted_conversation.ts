/**
 * Plays the steps of a golden file with a peer on a line channel, and records the events.
 *
 * Steps of the other side: `> TEXT` sends a line, `>> TEXT` sends bytes without a line end (in both,
 * `<0D>` is the byte with that hexadecimal number), `end` ends its stream. Steps of the peer:
 * `ask METHOD [PARAMS]`, `abort N`, `reply N RESULT`, `fail N ERROR` (N is the number of the
 * sent or received request, from 1), `give up` cancels all received requests.
 * The peer answers requests for `echo` immediately with their parameters, and those for `hold` by a
 * step. Its handlers of `throw` and `reject` fail. Other methods are unknown.
 *
 * Events: `< LINE` is a line that the peer wrote. Each other event begins with its name.
 */
import { type IncomingRequest, JsonText, LineChannel, Peer } from "../../src/jsonrpc/mod.ts";
import { settle, TestByteSink, TestByteSource } from "./byte_streams.ts";

const STEPS = /^(>>?|ask|abort|reply|fail|end|give up)(?: |$)/;

/** Whether a line of a golden file is a step; the lines after it are its events. */
export function isStep(line: string): boolean {
  return STEPS.test(line);
}

export class ScriptedConversation {
  readonly #source = new TestByteSource();
  readonly #sink = new TestByteSink();
  readonly #peer: Peer;
  readonly #incoming: IncomingRequest[] = [];
  readonly #abortControllers: AbortController[] = [];
  #events: string[] = [];
  #reportedLineCount = 0;

  constructor(side: "client" | "server") {
    this.#peer = new Peer(new LineChannel(this.#source.readable, this.#sink.writable), {
      answersInvalidMessages: side === "server",
      request: (request) => this.#handleRequest(request),
      notification: (method, params) => {
        this.#record(`notification ${method} ${JSON.stringify(params) ?? "-"}`);
        if (method === "throw") throw new Error("on purpose");
      },
      unexpected: (description, excerpt) => {
        // The stack trace is not part of the contract.
        this.#record(`noise ${description.split("\n")[0]} | ${excerpt}`);
      },
      lateAnswer: (excerpt) => this.#record(`late | ${excerpt}`),
      closed: (cause) => this.#record(`closed${cause === undefined ? "" : `: ${cause.message}`}`),
    });
  }

  /** Plays one step, and returns its events followed by the written lines. */
  async play(step: string): Promise<string[]> {
    const [, action = ""] = STEPS.exec(step) ?? [];
    this.#runStep(action, step.slice(action.length + 1));
    await settle();
    const lines = this.#sink.lines();
    const written = lines.slice(this.#reportedLineCount).map((line) => `< ${line}`);
    this.#reportedLineCount = lines.length;
    const events = this.#events;
    this.#events = [];
    return [...events, ...written].map(escapeHiddenCharacters);
  }

  /** Closes the peer; returns the numbers of requests that were still unanswered. */
  async end(): Promise<{ readonly sent: number; readonly received: number }> {
    const pendingCounts = { sent: this.#peer.pendingCount, received: this.#peer.incomingCount };
    await this.#peer.close();
    await settle();
    return pendingCounts;
  }

  #runStep(action: string, operands: string): void {
    const [, number = "", value = ""] = /^(\d+)(?: (.*))?$/.exec(operands) ?? [];
    const index = Number(number) - 1;
    switch (action) {
      case ">":
        return this.#source.push(encodeScript(`${operands}\n`));
      case ">>":
        return this.#source.push(encodeScript(operands));
      case "end":
        return this.#source.end();
      case "give up":
        return this.#peer.cancelIncoming("given up");
      case "ask":
        return this.#sendRequest(operands);
      case "abort":
        return this.#abortControllers[index]?.abort(new Error("no longer wanted"));
      case "reply":
        return this.#incoming[index]?.reply(new JsonText(value));
      case "fail":
        return this.#incoming[index]?.fail(new JsonText(value));
      default:
        throw new Error(`Cannot play: "${action}"`);
    }
  }

  #sendRequest(operands: string): void {
    const [, method = "", params] = /^(\S+)(?: (.*))?$/.exec(operands) ?? [];
    const controller = new AbortController();
    const name = `asked ${this.#abortControllers.push(controller)}`;
    this.#peer.request(method, params === undefined ? undefined : new JsonText(params), {
      signal: controller.signal,
      onProgress: (progress) => {
        this.#record(`${name} progress ${JSON.stringify(progress)}`);
        if (progress.message === "throw") throw new Error("on purpose");
      },
    }).then((reply) => {
      const text = reply.ok ? reply.result.text : reply.text;
      this.#record(`${name} ${reply.ok ? "result" : "error"} ${text.json}`);
    }, (cause: Error) => this.#record(`${name} rejected ${cause.name}: ${cause.message}`));
  }

  #handleRequest(request: IncomingRequest): void | Promise<void> {
    const params = request.paramText();
    this.#record(`request ${request.id} ${request.method} ${params?.json ?? "-"}`);
    this.#incoming.push(request);
    request.signal.addEventListener("abort", () => {
      this.#record(`cancelled ${request.id} ${request.signal.reason}`);
    });
    switch (request.method) {
      case "echo":
        return request.reply(params ?? {});
      case "throw":
        throw new Error("on purpose");
      case "reject":
        return Promise.reject(new Error("on purpose"));
      case "hold":
        return;
      default:
        return request.failUnknownMethod();
    }
  }

  #record(event: string): void {
    this.#events.push(event);
  }
}

/** Encodes a text in which `<0D>` stands for the byte with this hexadecimal number. */
function encodeScript(text: string): Uint8Array {
  const encoder = new TextEncoder();
  const parts = text.split(/<([0-9A-F]{2})>/);
  const bytes = parts.flatMap((part, index) =>
    index % 2 === 0 ? [...encoder.encode(part)] : [Number.parseInt(part, 16)]
  );
  return new Uint8Array(bytes);
}

/** Escapes the characters that an editor would not show. */
function escapeHiddenCharacters(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\x00-\x1f\x7f-\x9f\ufeff\u2028\u2029\ufffd]/g,
    (character) =>
      [...new TextEncoder().encode(character)]
        .map((byte) => `<${byte.toString(16).toUpperCase().padStart(2, "0")}>`).join(""),
  );
}
