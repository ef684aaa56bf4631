import {
  Cancellation,
  type CancelSignal,
  type IncomingRequest,
  type JsonText,
  type Payload,
  type Reply,
} from "../jsonrpc/mod.ts";
import { fieldsOf } from "../json.ts";
import { startOfText } from "../text.ts";
import {
  MAX_CALLS,
  MAX_HEAP_MIB,
  MAX_LOG_LENGTH,
  MAX_PENDING_CALLS,
  MAX_RESIDENT_MIB,
  MAX_RETURNED_LENGTH,
} from "../code_sandbox.ts";
import type { Pausable } from "../within.ts";
import type { RunClock } from "./run_clock.ts";
import type { SandboxEnd, SandboxProcess } from "./sandbox_process.ts";

/** Maximum length of a message about an error of the code, and of its stack, in UTF-16 code units. */
const MAX_ERROR_LENGTH = 4096;

/** A call that the code makes. */
export interface CodeCall {
  /** Name of the server. */
  readonly server: string;
  /** Name of the tool. */
  readonly tool: string;
  /** The arguments as the code gave them; `undefined` if it gave none. */
  readonly args: JsonText | undefined;
  /** The arguments, parsed. */
  readonly parsedArgs: unknown;
  /** The memory that the call takes until it ends, in bytes. */
  readonly memory: number;
}

/** The context of a call that the code makes. The time of the run is paused while the call waits for a person. */
export interface CodeCallContext extends Pausable {
  /** Aborts when the run ends. */
  readonly signal: CancelSignal;
}

/** The outcome of a call: the tool's result as MCP has it, or the error that the code gets. */
export type CodeCallOutcome =
  | { readonly ok: true; readonly result: Payload }
  | { readonly ok: false; readonly error: CodeCallError };

/** The error that a call throws in the code, which has all of its fields. */
export interface CodeCallError {
  /** The code of the error. */
  readonly code: string;
  /** A sentence for the agent. */
  readonly message: string;
}

/**
 * Why code has no result. `threw`: it threw an error; `syntax`: it is neither JavaScript nor TypeScript; `timeout`: it
 * did not end in time; `memory`: it used too much; `ended`: its process ended for another reason.
 */
export type CodeErrorKind = "timeout" | "memory" | "threw" | "syntax" | "ended";

/** The error that ended code. */
export interface CodeError {
  /** Why there is no result. */
  readonly kind: CodeErrorKind;
  /** A sentence for the agent. */
  readonly message: string;
  /** The code of an uncaught refusal, such as `DENIED_BY_POLICY`, or of the code's own error. */
  readonly code?: string;
  /** The line of the code, from 1. */
  readonly line?: number;
  /** The column in the line, from 1. */
  readonly column?: number;
  /** The lines of the code that were being executed. */
  readonly stack?: string;
  /** The error of the call, with all of its fields, if the code did not catch it. */
  readonly callError?: CodeCallError;
}

/** The outcome of code, with its output. */
export type CodeOutcome =
  & {
    /** The output, one line for each call of `console`; cut after `MAX_LOG_LENGTH`. */
    readonly logs: string;
  }
  & (
    | { readonly ok: true; /** The returned value. */ readonly result: JsonText }
    | { readonly ok: false; readonly error: CodeError }
  );

/** Options of a run. */
export interface RunOptions {
  /** The agent, for its share of the sandboxes. */
  readonly agent: string;
  /** The time of the run with its wait for a sandbox, in milliseconds. */
  readonly timeoutMs: number;
  /** Cancels the run, which then rejects with the signal's reason. */
  readonly signal: CancelSignal;
  /** Makes a call for the code. */
  call(call: CodeCall, context: CodeCallContext): Promise<CodeCallOutcome>;
}

/** One run of code in its process: passes on its calls, and collects its output. */
export class CodeRun {
  readonly #clock: RunClock;
  readonly #call: RunOptions["call"];
  readonly #callsCancellation = new Cancellation();
  /** The errors of calls, by the ids of the calls. */
  readonly #callErrors = new Map<string, CodeCallError>();
  #logs: string[] = [];
  #logLength = 0;
  #callCount = 0;
  #pendingCount = 0;

  /** Creates a run that has not started. */
  constructor(options: { readonly clock: RunClock; readonly call: RunOptions["call"] }) {
    this.#clock = options.clock;
    this.#call = options.call;
  }

  /**
   * Runs code, and ends its process and the calls that it has not waited for.
   *
   * @param options The process, and the signal that ends the run.
   */
  async run(
    code: string,
    { process, signal }: { readonly process: SandboxProcess; readonly signal: CancelSignal },
  ): Promise<CodeOutcome> {
    const kill = (): void => process.kill();
    signal.addEventListener("abort", kill, { once: true });
    try {
      const reply = await process.run(code, {
        call: (request) => this.#handleCall(request),
        log: (text) => this.#addLog(text),
      }).catch(() => undefined);
      if (reply !== undefined && !signal.aborted) return this.#readReply(reply);
      process.kill();
      return this.fail(this.#describeEnd(await process.ended));
    } finally {
      signal.removeEventListener("abort", kill);
      process.kill();
      this.#callsCancellation.cancel(new Error("The code has ended"));
    }
  }

  /** Returns the outcome of a run that an error ended. */
  fail(error: CodeError): CodeOutcome {
    return { ok: false, error, logs: this.#logs.join("\n") };
  }

  #readReply(reply: Reply): CodeOutcome {
    const logs = this.#logs.join("\n");
    if (reply.ok) {
      const { text: result } = reply.result;
      // The process itself refuses a longer value of well-behaved code.
      if (result.json.length <= MAX_RETURNED_LENGTH) return { ok: true, result, logs };
      const description = "it sent an invalid value, which is too long";
      return this.fail(this.#describeEnd({ ranOutOfMemory: false, description }));
    }
    const { kind, code, line, column, stack, callId } = fieldsOf(reply.error.data);
    const callError = this.#callErrors.get(String(callId));
    return this.fail({
      kind: kind === "syntax" ? "syntax" : "threw",
      message: startOfText(reply.error.message, MAX_ERROR_LENGTH),
      ...(typeof code === "string" ? { code: startOfText(code, MAX_ERROR_LENGTH) } : {}),
      ...(typeof line === "number" ? { line } : {}),
      ...(typeof column === "number" ? { column } : {}),
      ...(typeof stack === "string" ? { stack: startOfText(stack, MAX_ERROR_LENGTH) } : {}),
      ...(callError === undefined ? {} : { callError }),
    });
  }

  #describeEnd({ ranOutOfMemory, description }: SandboxEnd): CodeError {
    if (ranOutOfMemory) {
      return {
        kind: "memory",
        message: `The code used too much memory: at most ${MAX_HEAP_MIB} MiB of heap and ` +
          `${MAX_RESIDENT_MIB} MiB in all`,
      };
    }
    return { kind: "ended", message: `The process ended before its code did: ${description}` };
  }

  #addLog(text: string): boolean {
    const room = MAX_LOG_LENGTH - this.#logLength;
    // The process sends one character too many at most, which shows that the output was cut.
    if (room < 0) return false;
    this.#logLength += text.length + 1;
    this.#logs.push(text.length <= room ? text : startOfText(text, room));
    if (this.#logLength > MAX_LOG_LENGTH) {
      const limit = MAX_LOG_LENGTH.toLocaleString("en-US");
      this.#logs.push(`… (the output is cut after ${limit} characters)`);
    }
    return true;
  }

  #handleCall(request: IncomingRequest): boolean {
    const { server, tool, args: parsedArgs } = fieldsOf(request.params);
    // The process itself keeps well-behaved code within the limits.
    const isAllowed = typeof server === "string" && typeof tool === "string" &&
      this.#callCount < MAX_CALLS && this.#pendingCount < MAX_PENDING_CALLS;
    if (!isAllowed) return false;
    this.#callCount++;
    this.#pendingCount++;
    const args = request.paramText("args");
    const { memory } = request;
    void this.#answer(request, { server, tool, args, parsedArgs, memory });
    return true;
  }

  async #answer(request: IncomingRequest, call: CodeCall): Promise<void> {
    const clock = this.#clock;
    let outcome: CodeCallOutcome;
    try {
      outcome = await this.#call(call, {
        signal: this.#callsCancellation,
        pause: () => clock.pause(),
        resume: () => clock.resume(),
      });
    } catch {
      outcome = { ok: false, error: { code: "INTERNAL_ERROR", message: "The call failed" } };
    }
    this.#pendingCount--;
    if (outcome.ok) return request.reply(outcome.result);
    this.#callErrors.set(request.id, outcome.error);
    const { message, ...data } = outcome.error;
    request.fail({ code: -32000, message, data });
  }
}
