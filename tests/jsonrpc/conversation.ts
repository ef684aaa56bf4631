/**
 * Plays a written conversation through a peer over a line channel, and writes down what happened.
 *
 * Steps of the other side: `> TEXT` a line, `>> TEXT` bytes without a line's end (in both `<0D>` is
 * the byte of that hexadecimal number), `end` the end of its stream. Steps of our side: `ask METHOD
 * [PARAMS]`, `abort N`, `reply N RESULT`, `fail N ERROR` (N counts the asks, or the requests that
 * came, from 1), `give up` all requests that came.
 * Requests for `echo` are answered at once with their parameters, those for `hold` when the
 * conversation says so; `throw` and `reject` fail; others are unknown.
 *
 * What happened: `< LINE` was written; the rest says what it is.
 */
import { type IncomingRequest, JsonText, LineChannel, Peer } from "../../src/jsonrpc/mod.ts";
import { ByteSink, ByteSource, settle } from "./byte_streams.ts";

const STEPS = /^(>>?|ask|abort|reply|fail|end|give up)(?: |$)/;

/** Whether a line of a golden file is a step; the others say what happened after it. */
export function isStep(line: string): boolean {
  return STEPS.test(line);
}

export class Conversation {
  readonly #source = new ByteSource();
  readonly #sink = new ByteSink();
  readonly #peer: Peer;
  readonly #incoming: IncomingRequest[] = [];
  readonly #aborts: AbortController[] = [];
  #events: string[] = [];
  #linesSeen = 0;

  constructor(side: "client" | "server") {
    this.#peer = new Peer(new LineChannel(this.#source.readable, this.#sink.writable), {
      answersNoise: side === "server",
      request: (request) => this.#take(request),
      notification: (method, _params, text) => {
        this.#tell(`notification ${method} ${text()?.text ?? "-"}`);
        if (method === "throw") throw new Error("on purpose");
      },
      noise: (description, excerpt) => {
        // The lines of a stack trace are no part of the contract.
        this.#tell(`noise ${description.split("\n")[0]} | ${excerpt}`);
      },
      late: (excerpt) => this.#tell(`late | ${excerpt}`),
      closed: (cause) => this.#tell(`closed${cause === undefined ? "" : `: ${cause.message}`}`),
    });
  }

  /** Does one step; what happened by it and what was written, in this order. */
  async play(step: string): Promise<string[]> {
    const [, verb = ""] = STEPS.exec(step) ?? [];
    this.#step(verb, step.slice(verb.length + 1));
    await settle();
    const lines = this.#sink.lines();
    const written = lines.slice(this.#linesSeen).map((line) => `< ${line}`);
    this.#linesSeen = lines.length;
    const events = this.#events;
    this.#events = [];
    return [...events, ...written].map(showBytes);
  }

  /** Ends the conversation; how many requests are left, ours and theirs. */
  async end(): Promise<[number, number]> {
    const left: [number, number] = [this.#peer.pendingCount, this.#peer.incomingCount];
    await this.#peer.close();
    await settle();
    return left;
  }

  #step(verb: string, rest: string): void {
    const [, number = "", value = ""] = /^(\d+)(?: (.*))?$/.exec(rest) ?? [];
    const index = Number(number) - 1;
    switch (verb) {
      case ">":
        return this.#source.push(readBytes(`${rest}\n`));
      case ">>":
        return this.#source.push(readBytes(rest));
      case "end":
        return this.#source.end();
      case "give up":
        return this.#peer.cancelIncoming("given up");
      case "ask":
        return this.#ask(rest);
      case "abort":
        return this.#aborts[index]?.abort(new Error("no longer wanted"));
      case "reply":
        return this.#incoming[index]?.reply(new JsonText(value));
      case "fail":
        return this.#incoming[index]?.fail(new JsonText(value));
      default:
        throw new Error(`Cannot play: "${verb}"`);
    }
  }

  #ask(rest: string): void {
    const [, method = "", params] = /^(\S+)(?: (.*))?$/.exec(rest) ?? [];
    const abort = new AbortController();
    const name = `asked ${this.#aborts.push(abort)}`;
    this.#peer.request(method, params === undefined ? undefined : new JsonText(params), {
      signal: abort.signal,
      onProgress: (progress) => {
        this.#tell(`${name} progress ${JSON.stringify(progress)}`);
        if (progress.message === "throw") throw new Error("on purpose");
      },
    }).then((reply) => {
      const text = reply.ok ? reply.result.text : reply.text;
      this.#tell(`${name} ${reply.ok ? "result" : "error"} ${text.text}`);
    }, (cause: Error) => this.#tell(`${name} rejected ${cause.name}: ${cause.message}`));
  }

  #take(request: IncomingRequest): void | Promise<void> {
    const params = request.paramText();
    this.#tell(`request ${request.id} ${request.method} ${params?.text ?? "-"}`);
    this.#incoming.push(request);
    request.signal.addEventListener("abort", () => {
      this.#tell(`cancelled ${request.id} ${request.signal.reason}`);
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

  #tell(event: string): void {
    this.#events.push(event);
  }
}

function readBytes(text: string): Uint8Array {
  const encoder = new TextEncoder();
  const parts = text.split(/<([0-9A-F]{2})>/);
  const bytes = parts.flatMap((part, index) =>
    index % 2 === 0 ? [...encoder.encode(part)] : [Number.parseInt(part, 16)]
  );
  return new Uint8Array(bytes);
}

/** Shows the characters that an editor would not. */
function showBytes(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\x00-\x1f\x7f-\x9f\ufeff\u2028\u2029\ufffd]/g,
    (character) =>
      [...new TextEncoder().encode(character)]
        .map((byte) => `<${byte.toString(16).toUpperCase().padStart(2, "0")}>`).join(""),
  );
}
