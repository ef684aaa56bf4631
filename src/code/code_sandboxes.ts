import type { Budget } from "../budget.ts";
import { FairQueue } from "../fair_queue.ts";
import { Cancellation } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import { sandboxModule } from "../program_files.ts";
import { MemoryWatch, Watchdog } from "../processes/mod.ts";
import { type CodeOutcome, CodeRun, type RunOptions } from "./code_run.ts";
import { RunClock, type RunPhase } from "./run_clock.ts";
import { createSandboxCommand, type SandboxCommand } from "./sandbox_command.ts";
import { SandboxProcess } from "./sandbox_process.ts";

/** Time for which an unused process is kept, in milliseconds. */
const SPARE_MS = 5 * 60_000;

/** Maximum time in which a run waits for people, in milliseconds: half an hour. */
const MAX_PAUSE_MS = 30 * 60_000;

/** Options of the sandboxes. */
export interface CodeSandboxesOptions {
  /** Number of runs at the same time; more wait. */
  readonly maxSandboxes: number;
  /** Receives warnings. */
  readonly log: Log;
  /** The budget that messages to and from the processes count against. Default: none. */
  readonly memory?: Budget | undefined;
  /** The command of a process in which code runs. Default: this program. */
  readonly command?: SandboxCommand;
  /** Returns whether several agents may run code, so that each may use only its share. Default: no. */
  readonly hasSeveralAgents?: () => boolean;
  /** Time for which an unused process is kept, in milliseconds. Default: 5 minutes. */
  readonly spareMs?: number;
  /** Maximum time in which a run waits for people, in milliseconds. Default: half an hour. */
  readonly maxPauseMs?: number;
}

/** Time after a run until the next process is started, in milliseconds: the answer must not wait for the start. */
const SPARE_DELAY_MS = 10;

/** The reasons of a run whose time is over, and of one that has waited for people for too long. */
const TIME_OVER: Readonly<Record<RunPhase, Error>> = {
  run: new Error("The time of the run is over"),
  pause: new Error("The run has waited for people for too long"),
};

/**
 * Runs code in processes without permissions: one process for each run. After the first run, an unused process is kept
 * for the next.
 */
export class CodeSandboxes {
  readonly #options: CodeSandboxesOptions;
  readonly #queue: FairQueue;
  readonly #watchdog: Watchdog;
  readonly #memoryWatch = new MemoryWatch();
  readonly #processes = new Set<SandboxProcess>();
  #spare: SandboxProcess | undefined;
  #spareTimer: ReturnType<typeof setTimeout> | undefined;
  #hasClosed = false;

  /** Creates the sandboxes, without processes. */
  constructor(options: CodeSandboxesOptions) {
    this.#options = options;
    this.#queue = new FairQueue(options.maxSandboxes, options.hasSeveralAgents ?? (() => false));
    this.#watchdog = new Watchdog(options.log);
  }

  /**
   * Runs the body of an async function.
   *
   * @param code JavaScript or TypeScript.
   * @throws The reason of the signal, if it aborts.
   * @throws {Error} The process cannot be started.
   */
  async run(code: string, options: RunOptions): Promise<CodeOutcome> {
    const { agent, timeoutMs, signal, call } = options;
    signal.throwIfAborted();
    const cancellation = new Cancellation();
    const onAbort = (): void => cancellation.cancel(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const { maxPauseMs = MAX_PAUSE_MS } = this.#options;
    const limitsMs = { run: timeoutMs, pause: maxPauseMs };
    const clock = new RunClock(limitsMs, (phase) => cancellation.cancel(TIME_OVER[phase]));
    const codeRun = new CodeRun({ clock, call });
    let hasStarted = false;
    try {
      const admission = this.#queue.acquire(agent, cancellation);
      if (admission !== undefined) await admission;
      hasStarted = true;
      const process = this.#takeProcess();
      const outcome = await codeRun.run(code, { process, signal: cancellation });
      if (!cancellation.aborted) return outcome;
      throw cancellation.reason;
    } catch (error) {
      if (error !== TIME_OVER.run && error !== TIME_OVER.pause) throw error;
      const runMessage = hasStarted
        ? `The code did not end within ${timeoutMs} ms`
        : `The code did not start within ${timeoutMs} ms, because other code was running`;
      const pauseMessage = `The calls of the code waited for people for ${maxPauseMs} ms`;
      const message = error === TIME_OVER.run ? runMessage : pauseMessage;
      return codeRun.fail({ kind: "timeout", message });
    } finally {
      clock.stop();
      signal.removeEventListener("abort", onAbort);
      if (hasStarted) {
        this.#queue.release(agent);
        this.#scheduleSpare();
      }
    }
  }

  /** Starts a process for the next run if there is none at all. */
  prepare(): void {
    if (!this.#hasClosed && this.#processes.size === 0) this.#ensureSpare();
  }

  /** Kills all processes, and waits until they have ended. */
  async close(): Promise<void> {
    this.#hasClosed = true;
    clearTimeout(this.#spareTimer);
    this.#spare = undefined;
    const processes = [...this.#processes];
    for (const process of processes) process.kill();
    await Promise.all(processes.map(({ ended }) => ended));
    await Promise.all([this.#watchdog.close(), this.#memoryWatch.close()]);
  }

  /** Returns the spare process, or starts one. */
  #takeProcess(): SandboxProcess {
    const spare = this.#spare;
    this.#spare = undefined;
    clearTimeout(this.#spareTimer);
    return spare === undefined || spare.hasEnded ? this.#startProcess() : spare;
  }

  #startProcess(): SandboxProcess {
    if (this.#hasClosed) throw new Error("The gateway is ending");
    const process = new SandboxProcess(this.#options.command ?? ownCommand(), {
      memory: this.#options.memory,
      watchdog: this.#watchdog,
      memoryWatch: this.#memoryWatch,
    });
    this.#processes.add(process);
    void process.ended.finally(() => {
      this.#processes.delete(process);
      if (this.#spare === process) this.#spare = undefined;
    });
    return process;
  }

  /** Starts a spare process soon, or keeps the existing one for longer. */
  #scheduleSpare(): void {
    if (this.#hasClosed) return;
    clearTimeout(this.#spareTimer);
    this.#spareTimer = setTimeout(() => this.#ensureSpare(), SPARE_DELAY_MS);
  }

  #ensureSpare(): void {
    clearTimeout(this.#spareTimer);
    this.#spareTimer = setTimeout(() => this.#endSpare(), this.#options.spareMs ?? SPARE_MS);
    // The spare must not keep a command alive that has nothing else to do.
    Deno.unrefTimer(Number(this.#spareTimer));
    if (this.#spare !== undefined) return;
    try {
      this.#spare = this.#startProcess();
    } catch (error) {
      this.#options.log.warn("No process for the next run of code could be started", {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #endSpare(): void {
    this.#spare?.kill();
    this.#spare = undefined;
  }
}

/** Returns the command of a process that runs this program. */
function ownCommand(): SandboxCommand {
  return createSandboxCommand(
    { standalone: Deno.build.standalone, execPath: Deno.execPath(), main: sandboxModule() },
    {
      readVariable,
      usesShell: canRunShell(),
      watchesMemory: Deno.build.os !== "linux" || !canRunShell(),
    },
  );
}

function readVariable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    // The gateway's own permissions do not include the variable.
    return undefined;
  }
}

function canRunShell(): boolean {
  return Deno.build.os !== "windows" &&
    Deno.permissions.querySync({ name: "run", command: "sh" }).state === "granted";
}
