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
  readonly #groups = new Set<number>();
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

  /** Adds a process group that was started. */
  add(groupId: number): void {
    this.#groups.add(groupId);
    this.#watchdog.register(groupId);
  }

  /** Removes a process group that has ended; the system may reuse its id. */
  remove(groupId: number): void {
    if (this.#groups.delete(groupId)) this.#watchdog.unregister(groupId);
  }

  /** Kills all process groups immediately, including those of ending sessions. */
  kill(): void {
    for (const groupId of this.#groups) signalGroup(groupId, "SIGKILL");
  }

  /** Ends the watchdog, which ends the remaining processes. */
  async close(): Promise<void> {
    await this.#watchdog.close();
  }
}
