import { DownstreamError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { signalGroup } from "./process_group.ts";
import { Watchdog } from "./watchdog.ts";

/** The limit of processes is reached, which says nothing about the server. */
export class NoRoom extends DownstreamError {
  /**
   * Creates the error for the agent.
   *
   * @param server Name of the server.
   * @param most Limit of processes.
   */
  constructor(server: string, max: number) {
    const message = `Server "${server}" is not available: the gateway runs ${max} server ` +
      "processes already (GATEWAY_MAX_PROCESSES).";
    const hint = "Try again when other calls are done";
    super("SERVER_UNAVAILABLE", server, message, { hint });
  }
}

/** The processes of all servers of a gateway: limits their number, and has the watchdog end them. */
export class Processes {
  readonly #max: number;
  readonly #groups = new Set<number>();
  readonly #watchdog: Watchdog;

  /**
   * Starts with no processes.
   *
   * @param most Limit of processes.
   * @param log Receives a warning if the watchdog cannot be started.
   */
  constructor(max: number, log: Log) {
    this.#max = max;
    this.#watchdog = new Watchdog(log);
  }

  /** Limit of processes. */
  get most(): number {
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

  /** Kills all of them immediately, including those of ending sessions. */
  kill(): void {
    for (const groupId of this.#groups) signalGroup(groupId, "SIGKILL");
  }

  /** Ends the watchdog, which ends the remaining processes. */
  async close(): Promise<void> {
    await this.#watchdog.close();
  }
}
