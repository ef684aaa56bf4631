/**
 * A client that makes many calls. To use little processor time itself, it writes requests as text and
 * reads only the id and the size of answers.
 */

import { joinBytes, totalLength } from "../../src/bytes.ts";
import { INITIALIZE, type LoadOptions, type LoadResult, summarizeTimes } from "./load.ts";

/** Time limit of a load in milliseconds; each of its calls adds one millisecond. */
const LOAD_LIMIT_MS = 30_000;

/** Number of bytes at each end of an answer in which its id is searched for. */
const EDGE_BYTES = 80;

/** Number of chunks at each end of an answer that almost always contain `EDGE_BYTES`. */
const EDGE_CHUNKS = 4;

/** A client of a process that speaks MCP on its standard input and output. */
export class LoadClient implements AsyncDisposable {
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  // The callbacks for pending requests, by id.
  readonly #pending = new Map<number, (bytes: number, line: () => string) => void>();
  readonly #outputEnd: Promise<void>;
  // Rejects the last request or load if the program ends.
  #reject: ((error: Error) => void) | undefined;
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
    this.#outputEnd = this.#readAnswers();
  }

  /** Starts a program and initializes the session. */
  static async open(
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<LoadClient> {
    const client = new LoadClient(command, env);
    await client.request(INITIALIZE);
    client.#send('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
    return client;
  }

  /** Sends a request, given as `"method":…,"params":…`, and returns the whole answer. */
  request(members: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#reject = reject;
    this.#sendRequest(members, (_, line) => resolve(line()));
    return promise;
  }

  load({ count, inFlight, call, minBytes }: LoadOptions): Promise<LoadResult> {
    const { promise, resolve, reject } = Promise.withResolvers<LoadResult>();
    const times = new Float64Array(count);
    const started = performance.now();
    let sent = 0;
    let answered = 0;
    const timer = setTimeout(() => {
      reject(new Error(`Only ${answered} of ${sent} calls were answered in time: ${call}`));
    }, LOAD_LIMIT_MS + count);
    promise.catch(() => {}).finally(() => clearTimeout(timer));
    this.#reject = reject;
    const sendNext = (): void => {
      if (sent === count) return;
      const number = sent++;
      const sentAt = performance.now();
      this.#sendRequest(call, (bytes, line) => {
        times[number] = performance.now() - sentAt;
        if (bytes < minBytes) return reject(new Error(`Unexpected answer: ${line()}`));
        if (++answered < count) return sendNext();
        resolve(summarizeTimes(times, performance.now() - started));
      });
    };
    for (let index = 0; index < inFlight; index++) sendNext();
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    await Promise.all([this.#child.status, this.#outputEnd]);
  }

  #sendRequest(members: string, onAnswer: (bytes: number, line: () => string) => void): void {
    const id = this.#nextId++;
    this.#pending.set(id, onAnswer);
    this.#send(`{"jsonrpc":"2.0","id":${id},${members}}\n`);
  }

  #send(line: string): void {
    this.#queue.push(line);
    if (!this.#isWriting) void this.#flush();
  }

  async #flush(): Promise<void> {
    this.#isWriting = true;
    // Messages of the same tick are written together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const text = this.#queue.join("");
      this.#queue = [];
      await this.#input.write(this.#encoder.encode(text)).catch(() => {});
    }
    this.#isWriting = false;
  }

  async #readAnswers(): Promise<void> {
    let parts: Uint8Array[] = [];
    for await (const chunk of this.#child.stdout) {
      let from = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
        parts.push(chunk.subarray(from, end));
        this.#handleLine(parts);
        parts = [];
        from = end + 1;
      }
      if (from < chunk.length) parts.push(chunk.subarray(from));
    }
    this.#reject?.(new Error("The program ended"));
  }

  #handleLine(parts: readonly Uint8Array[]): void {
    // The id is at the beginning or at the end of the answer; a chunk may end inside it.
    const match = /"id":(\d+)/.exec(this.#decoder.decode(headOf(parts))) ??
      /.*"id":(\d+)/.exec(this.#decoder.decode(tailOf(parts)));
    if (match === null) return;
    const id = Number(match[1]);
    const onAnswer = this.#pending.get(id);
    this.#pending.delete(id);
    onAnswer?.(totalLength(parts), () => this.#decoder.decode(joinBytes(parts)));
  }
}

/** Returns the first bytes of an answer. */
function headOf(parts: readonly Uint8Array[]): Uint8Array {
  const starts = parts.slice(0, EDGE_CHUNKS).map((part) => part.subarray(0, EDGE_BYTES));
  return joinBytes(starts).subarray(0, EDGE_BYTES);
}

/** Returns the last bytes of an answer. */
function tailOf(parts: readonly Uint8Array[]): Uint8Array {
  const ends = parts.slice(-EDGE_CHUNKS).map((part) => part.subarray(-EDGE_BYTES));
  return joinBytes(ends).subarray(-EDGE_BYTES);
}
