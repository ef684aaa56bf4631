import { DownstreamError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { signalGroup } from "./process_group.ts";
import { Watchdog } from "./watchdog.ts";

/** A server cannot be started because the limit of processes is reached; the server did not fail. */
export class ProcessLimitReached extends DownstreamError {
  /**
   * Creates the error for the agent.
   *
   * @param server Name of the server.
   * @param max Limit of processes.
   */
  constructor(server: string, max: number) {
    const message = `Server "${server}" is not available: the gateway runs ${max} server ` +
      "processes already (GATEWAY_MAX_PROCESSES).";
    const hint = "Try again when other calls are done";
    super("SERVER_UNAVAILABLE", server, message, { hint });
  }
}

/** The process groups of all servers. Limits their number, and registers them with the watchdog. */
export class Processes {
  readonly #max: number;
  // The number of each group, by its id.
  readonly #groups = new Map<number, number>();
  #lastNumber = 0;
  readonly #watchdog: Watchdog;

  /**
   * Starts with no processes.
   *
   * @param max Limit of processes.
   * @param log Receives a warning if the watchdog cannot be started.
   */
  constructor(max: number, log: Log) {
    this.#max = max;
    this.#watchdog = new Watchdog(log);
  }

  /** Limit of processes. */
  get max(): number {
    return this.#max;
  }

  /** Whether one more process may be started. */
  get hasRoom(): boolean {
    return this.#groups.size < this.#max;
  }

  /** Creates the mark for the environment of the next process group, and its number for `add`. */
  createMark(): { readonly number: number; readonly mark: string } {
    const number = ++this.#lastNumber;
    return { number, mark: this.#watchdog.createMark(number) };
  }

  /** Adds a process group that was started with the mark of the number. */
  add(groupId: number, number: number): void {
    this.#groups.set(groupId, number);
    this.#watchdog.register(groupId);
  }

  /** Removes a process group that has ended; the system may reuse its id. */
  remove(groupId: number): void {
    const number = this.#groups.get(groupId);
    if (number === undefined) return;
    this.#groups.delete(groupId);
    this.#watchdog.unregister(groupId, number);
  }

  /** Kills all process groups immediately, including those of ending sessions. */
  kill(): void {
    for (const groupId of this.#groups.keys()) signalGroup(groupId, "SIGKILL");
  }

  /** Ends the watchdog, which ends the remaining processes. */
  async close(): Promise<void> {
    await this.#watchdog.close();
  }
}
