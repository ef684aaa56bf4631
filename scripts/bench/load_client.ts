/**
 * A client that loads a server with calls. So that it does not measure itself, it builds requests from
 * text and reads only the id and the size of answers.
 */

import { type Load, type LoadOptions, sumUp } from "./load.ts";

/** Maximum duration of a load, plus one millisecond per call. */
const MAX_MS = 30_000;

/** Number of chunks at either end of an answer that almost always contain 80 bytes. */
const ENOUGH = 4;

/** A client of a process that speaks MCP on its standard input and output. */
export class LoadClient implements AsyncDisposable {
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  // Handlers of the answers, by id.
  readonly #waiting = new Map<number, (bytes: number, line: () => string) => void>();
  readonly #reading: Promise<void>;
  #fail: ((error: Error) => void) | undefined;
  #queue: string[] = [];
  #isWriting = false;
  #nextId = 0;

  /** Starts a program without the handshake. */
  constructor(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const [file = "", ...args] = command;
    this.#child = new Deno.Command(file, {
      args,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.pid = this.#child.pid;
    this.#input = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Starts a program and initializes the session. */
  static async open(
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<LoadClient> {
    const client = new LoadClient(command, env);
    await client.request(
      '"method":"initialize","params":{"protocolVersion":"2025-06-18",' +
        '"capabilities":{},"clientInfo":{"name":"bench","version":"1"}}',
    );
    client.#send('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
    return client;
  }

  /** Sends a request and returns its whole answer. */
  request(text: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#fail = reject;
    this.#ask(text, (_, line) => resolve(line()));
    return promise;
  }

  load({ count, inFlight, call, leastBytes }: LoadOptions): Promise<Load> {
    const { promise, resolve, reject } = Promise.withResolvers<Load>();
    const tooLong = setTimeout(() => {
      reject(
        new Error(`Only ${answered} of ${asked} calls were answered in time: ${call}`),
      );
    }, MAX_MS + count);
    promise.catch(() => {}).finally(() => clearTimeout(tooLong));
    const times = new Float64Array(count);
    const started = performance.now();
    let asked = 0;
    let answered = 0;
    this.#fail = reject;
    const next = (): void => {
      if (asked === count) return;
      const number = asked++;
      const since = performance.now();
      this.#ask(call, (bytes, line) => {
        times[number] = performance.now() - since;
        if (bytes < leastBytes) return reject(new Error(`Unexpected answer: ${line()}`));
        if (++answered < count) return next();
        resolve(sumUp(times, performance.now() - started));
      });
    };
    for (let started = 0; started < inFlight; started++) next();
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    await Promise.all([this.#child.status, this.#reading]);
  }

  #ask(text: string, onAnswer: (bytes: number, line: () => string) => void): void {
    const id = this.#nextId++;
    this.#waiting.set(id, onAnswer);
    this.#send(`{"jsonrpc":"2.0","id":${id},${text}}\n`);
  }

  #send(line: string): void {
    this.#queue.push(line);
    if (!this.#isWriting) void this.#flush();
  }

  async #flush(): Promise<void> {
    this.#isWriting = true;
    // Messages of the same tick leave in one write.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const text = this.#queue.join("");
      this.#queue = [];
      await this.#input.write(this.#encoder.encode(text)).catch(() => {});
    }
    this.#isWriting = false;
  }

  async #read(): Promise<void> {
    let parts: Uint8Array[] = [];
    for await (const chunk of this.#child.stdout) {
      let from = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
        parts.push(chunk.subarray(from, end));
        this.#take(parts);
        parts = [];
        from = end + 1;
      }
      if (from < chunk.length) parts.push(chunk.subarray(from));
    }
    this.#fail?.(new Error("The program ended"));
  }

  #take(parts: readonly Uint8Array[]): void {
    // The id is at the beginning or at the end of the answer; a chunk may end inside it.
    const head = this.#decoder.decode(join(parts.slice(0, ENOUGH)).subarray(0, 80));
    const found = /"id":(\d+)/.exec(head) ??
      /.*"id":(\d+)/.exec(this.#decoder.decode(join(parts.slice(-ENOUGH)).subarray(-80)));
    if (found === null) return;
    const id = Number(found[1]);
    const onAnswer = this.#waiting.get(id);
    this.#waiting.delete(id);
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    onAnswer?.(bytes, () => parts.map((part) => this.#decoder.decode(part)).join(""));
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
