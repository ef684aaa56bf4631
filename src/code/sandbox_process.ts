import { Budget } from "../budget.ts";
import { type ByteReader, createByteReader } from "../bytes.ts";
import { fieldsOf } from "../json.ts";
import {
  type IncomingRequest,
  LineChannel,
  Peer,
  type PeerHandler,
  type Reply,
} from "../jsonrpc/mod.ts";
import {
  type MemoryWatch,
  signalGroup,
  spawnDetached,
  type Watchdog,
  type WatchedProcess,
} from "../processes/mod.ts";
import { within } from "../within.ts";
import { MAX_ARGUMENT_LENGTH, MAX_RESIDENT_MIB, MEMORY_EXIT_CODE } from "../code_sandbox.ts";
import type { SandboxCommand } from "./sandbox_command.ts";

/** Maximum size of a message from the process, in bytes: the longest argument, with three bytes for each character. */
const MAX_LINE_BYTES = 3 * MAX_ARGUMENT_LENGTH + 64 * 1024;

/**
 * Maximum memory for messages to and from one process, in bytes. The process could not hold more; a queue that exceeds
 * this ends the channel.
 */
const MAX_HELD_BYTES = 128 * 1024 * 1024;

/** Size of the beginning of standard error that is kept, in bytes. */
const STDERR_BYTES = 4096;

/** Time to wait for the last output of a process that has ended, in milliseconds. */
const LAST_OUTPUT_MS = 500;

/** Receives the calls and the output of the code. */
export interface SandboxListener {
  /** Handles a call; returns whether the process may make it. */
  call(request: IncomingRequest): boolean;
  /** Receives output of the code; returns whether the process may send it. */
  log(text: string): boolean;
}

/** The end of a process. */
export interface SandboxEnd {
  /** Whether it used too much memory. */
  readonly ranOutOfMemory: boolean;
  /** The reason in words: a message that it must not send, or the exit code or signal. */
  readonly description: string;
}

/** Options of a process. */
export interface SandboxProcessOptions {
  /** The budget that held messages count against. */
  readonly memory: Budget | undefined;
  /** Ends the process if the gateway is killed. */
  readonly watchdog: Watchdog;
  /** Watches the memory of the process while it runs code. */
  readonly memoryWatch: MemoryWatch;
}

/** A process without permissions, which runs one piece of code. */
export class SandboxProcess {
  /** Resolves when the process has ended and its output has been read. */
  readonly ended: Promise<SandboxEnd>;
  readonly #child: Deno.ChildProcess;
  readonly #peer: Peer;
  readonly #memoryWatch: MemoryWatch | undefined;
  readonly #watched: WatchedProcess;
  readonly #closed = Promise.withResolvers<void>();
  #listener: SandboxListener | undefined;
  /** Number of bytes since the last call or output. */
  #byteCount = 0;
  #misbehavior: string | undefined;
  #isOutOfMemory = false;
  #hasEnded = false;
  #hasOutputEnded = false;
  #wasKilled = false;

  /**
   * Starts the process.
   *
   * @param command The command.
   * @throws {Error} The command cannot be started.
   */
  constructor(
    command: SandboxCommand,
    { memory, watchdog, memoryWatch }: SandboxProcessOptions,
  ) {
    const child = spawnDetached(command, {
      env: command.env,
      cwd: workingFolder(),
      exists: command.exists ?? false,
    });
    this.#child = child;
    this.#memoryWatch = command.watchesMemory === true ? undefined : memoryWatch;
    this.#watched = {
      pid: child.pid,
      maxBytes: MAX_RESIDENT_MIB * 1024 * 1024,
      onExceeded: () => this.#killForMemory(),
      onLost: () => this.#killFor("its memory could no longer be watched"),
    };
    watchdog.register(child.pid);
    const heldMemory = new Budget(MAX_HELD_BYTES, memory, "code");
    const channel = new LineChannel(
      { getReader: () => this.#countBytes(createByteReader(child.stdout)) },
      child.stdin,
      { maxBytes: MAX_LINE_BYTES, memory: heldMemory },
    );
    this.#peer = new Peer(channel, this.#createHandler(heldMemory));
    const stderr = this.#readStderr(child.stderr);
    this.ended = child.status.then(async ({ code, signal }) => {
      this.#hasEnded = true;
      this.#memoryWatch?.delete(this.#watched);
      watchdog.unregister(child.pid);
      await within(Promise.all([this.#closed.promise, stderr]), LAST_OUTPUT_MS);
      await channel.close();
      // V8 ends a process whose heap is full with one of several signals; a system that runs out of memory sends SIGKILL.
      const wasEndedBySystem = signal !== null && !(signal === "SIGKILL" && this.#wasKilled);
      const ranOutOfMemory = this.#isOutOfMemory || code === MEMORY_EXIT_CODE || wasEndedBySystem;
      const description = this.#misbehavior ??
        (signal === null ? `it exited with code ${code}` : `${signal} ended it`);
      return { ranOutOfMemory, description };
    });
  }

  /** Whether the process has ended. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Runs code; called once. Rejects if the process ends first.
   *
   * @throws {Error} The memory of the process cannot be watched.
   */
  run(code: string, listener: SandboxListener): Promise<Reply> {
    this.#listener = listener;
    if (!this.#hasEnded) this.#memoryWatch?.add(this.#watched);
    return this.#peer.request("run", { code });
  }

  /** Kills the process. */
  kill(): void {
    // If its output has ended, something else has killed it.
    if (!this.#hasOutputEnded) this.#wasKilled = true;
    if (this.#hasEnded || signalGroup(this.#child.pid, "SIGKILL")) return;
    try {
      // The process may have just started, and have no group of its own yet.
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  }

  #createHandler(memory: Budget): PeerHandler {
    return {
      memory: () => memory,
      acceptsBatches: () => false,
      request: (request) => {
        const isAllowed = request.method === "call" && this.#listener?.call(request) === true;
        this.#checkMessage(isAllowed, "it made a call that it must not make");
      },
      notification: (method, params) => {
        const { text } = fieldsOf(params);
        const isAllowed = method === "log" && typeof text === "string" &&
          this.#listener?.log(text) === true;
        this.#checkMessage(isAllowed, "it sent output that it must not send");
      },
      unexpected: () => this.#killFor("it sent an invalid message"),
      closed: (cause) => {
        if (cause !== undefined) this.#killFor("it did not read what was sent to it");
        this.#hasOutputEnded = true;
        this.#closed.resolve();
      },
    };
  }

  /** Reads standard error to its end; V8 and the process itself write there that there is no more memory. */
  async #readStderr(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let start = "";
    try {
      for await (const chunk of stream) {
        if (start.length >= STDERR_BYTES) continue;
        start += decoder.decode(chunk.subarray(0, STDERR_BYTES));
        if (/out of memory/i.test(start)) this.#killForMemory();
      }
    } catch {
      // The end of the process broke the pipe.
    }
  }

  /** Counts bytes, so that the process cannot endlessly send what is neither a call nor output. */
  #countBytes(reader: ByteReader): ByteReader {
    return {
      read: async () => {
        const chunk = await reader.read();
        this.#byteCount += chunk.done ? 0 : chunk.value.length;
        if (this.#byteCount > MAX_LINE_BYTES) this.#killFor("it sent too much");
        return chunk;
      },
      cancel: (reason) => reader.cancel(reason),
    };
  }

  #checkMessage(isAllowed: boolean, misbehavior: string): void {
    this.#byteCount = 0;
    if (!isAllowed) this.#killFor(misbehavior);
  }

  #killForMemory(): void {
    this.#isOutOfMemory = true;
    this.kill();
  }

  /** Kills the process because it did what its own program never does: the code has taken it over. */
  #killFor(misbehavior: string): void {
    this.#misbehavior ??= misbehavior;
    this.kill();
  }
}

/** Returns a folder that every user can enter and that holds none of the user's files. */
function workingFolder(): string | undefined {
  return Deno.build.os === "windows" ? undefined : "/";
}
