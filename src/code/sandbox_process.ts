import { reusingReader } from "../bytes.ts";
import {
  type IncomingRequest,
  LineChannel,
  Peer,
  type PeerHandler,
  type Reply,
} from "../jsonrpc/mod.ts";
import { signalGroup, spawnDetached, type Watchdog } from "../processes/mod.ts";
import { within } from "../within.ts";
import { MAX_VALUE_LENGTH, MEMORY_EXIT_CODE } from "../sandbox_protocol.ts";
import type { SandboxCommand } from "./sandbox_command.ts";

/** Maximum size of a message from the process, in bytes: a value, each character of which takes up to three bytes. */
const MAX_MESSAGE_BYTES = 3 * MAX_VALUE_LENGTH + 64 * 1024;

/** Size of the beginning of standard error that is kept, in bytes. */
const STDERR_BYTES = 4096;

/** Time to wait for the last output of a process that has ended, in milliseconds. */
const LAST_OUTPUT_MS = 500;

/** Receives what the code does. */
export interface SandboxListener {
  /** Handles a call. */
  call(request: IncomingRequest): void;
  /** Receives output of the code. */
  log(text: string): void;
  /** Called if the process sends anything else than calls and output: the process is not to be trusted any more. */
  misbehaved(description: string): void;
}

/** The end of a process. */
export interface SandboxEnd {
  /** Whether it used too much memory. */
  readonly ranOutOfMemory: boolean;
  /** The exit code or the signal, in words. */
  readonly description: string;
}

/** A process without permissions, which runs one piece of code. */
export class SandboxProcess {
  /** Resolves when the process has ended and its output has been read. */
  readonly ended: Promise<SandboxEnd>;
  readonly #child: Deno.ChildProcess;
  readonly #peer: Peer;
  readonly #closed = Promise.withResolvers<void>();
  #listener: SandboxListener | undefined;
  #hasEnded = false;
  #wasKilled = false;

  /**
   * Starts the process.
   *
   * @param command The command.
   * @param watchdog Ends the process if the gateway is killed.
   * @throws {Error} The command cannot be started.
   */
  constructor(command: SandboxCommand, watchdog: Watchdog) {
    const child = spawnDetached(command, { env: command.env, cwd: workingFolder() });
    this.#child = child;
    watchdog.register(child.pid);
    const channel = new LineChannel(
      { getReader: () => reusingReader(child.stdout) },
      child.stdin,
      { maxBytes: MAX_MESSAGE_BYTES },
    );
    this.#peer = new Peer(channel, this.#createHandler());
    const stderr = readStart(child.stderr);
    this.ended = child.status.then(async ({ code, signal }) => {
      this.#hasEnded = true;
      watchdog.unregister(child.pid);
      await within(Promise.all([this.#closed.promise, stderr]), LAST_OUTPUT_MS);
      await channel.close();
      // V8 ends a process whose heap is full with one of several signals.
      const ranOutOfMemory = code === MEMORY_EXIT_CODE || (signal !== null && !this.#wasKilled) ||
        /out of memory/i.test(await stderr);
      const description = signal === null ? `it exited with code ${code}` : `${signal} ended it`;
      return { ranOutOfMemory, description };
    });
  }

  /** Whether the process has ended. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Runs code; called once. Rejects if the process ends first. */
  run(code: string, listener: SandboxListener): Promise<Reply> {
    this.#listener = listener;
    return this.#peer.request("run", { code });
  }

  /** Kills the process. */
  kill(): void {
    this.#wasKilled = true;
    if (this.#hasEnded || signalGroup(this.#child.pid, "SIGKILL")) return;
    try {
      // The process may have just started, and have no group of its own yet.
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  }

  #createHandler(): PeerHandler {
    const misbehave = (description: string): void => {
      this.#listener?.misbehaved(description);
      this.kill();
    };
    return {
      acceptsBatches: () => false,
      request: (request) => {
        if (request.method !== "call" || this.#listener === undefined) {
          return misbehave(`a request for ${request.method}`);
        }
        this.#listener.call(request);
      },
      notification: (method, params) => {
        const { text } = (params ?? {}) as { readonly text?: unknown };
        if (method !== "log" || typeof text !== "string") return misbehave(`a message ${method}`);
        this.#listener?.log(text);
      },
      unexpected: (description) => misbehave(description),
      closed: () => this.#closed.resolve(),
    };
  }
}

/** A folder that every user can enter, and in which nothing of the user is. */
function workingFolder(): string | undefined {
  return Deno.build.os === "windows" ? undefined : "/";
}

/** Reads a stream to its end, and returns the beginning of its text. */
async function readStart(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let start = "";
  try {
    for await (const chunk of stream) {
      if (start.length < STDERR_BYTES) start += decoder.decode(chunk.subarray(0, STDERR_BYTES));
    }
  } catch {
    // The end of the process broke the pipe.
  }
  return start;
}
