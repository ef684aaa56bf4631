import { DownstreamError } from "../errors.ts";
import type { Log } from "../log.ts";
import { signalGroup } from "./process_group.ts";
import { Watchdog } from "./watchdog.ts";

/** There is no room for one more process, which says nothing about its server. */
export class NoRoom extends DownstreamError {
  /**
   * Says what the agent is told.
   *
   * @param server Name of the server.
   * @param most How many processes there may be.
   */
  constructor(server: string, most: number) {
    const message = `Server "${server}" is not available: the gateway runs ${most} server ` +
      "processes already (GATEWAY_MAX_PROCESSES).";
    const hint = "Try again when other calls are done";
    super("SERVER_UNAVAILABLE", server, message, { hint });
  }
}

/** The processes of all servers of a gateway: how many there may be, and who ends them if we cannot. */
export class Processes {
  readonly #most: number;
  readonly #groups = new Set<number>();
  readonly #watchdog: Watchdog;

  /**
   * Begins with none.
   *
   * @param most How many there may be at a time.
   * @param log Is told when there is no watchdog.
   */
  constructor(most: number, log: Log) {
    this.#most = most;
    this.#watchdog = new Watchdog(log);
  }

  /** How many there may be at a time. */
  get most(): number {
    return this.#most;
  }

  /** Whether there is room for one more. */
  get hasRoom(): boolean {
    return this.#groups.size < this.#most;
  }

  /** A process group was started. */
  add(groupId: number): void {
    this.#groups.add(groupId);
    this.#watchdog.register(groupId);
  }

  /** A process group has ended; the system may give its id to others. */
  remove(groupId: number): void {
    if (this.#groups.delete(groupId)) this.#watchdog.unregister(groupId);
  }

  /** Ends all of them at once, without asking; those of sessions that are just ending too. */
  kill(): void {
    for (const groupId of this.#groups) signalGroup(groupId, "SIGKILL");
  }

  /** Ends the watchdog, which ends whatever is left. */
  async close(): Promise<void> {
    await this.#watchdog.close();
  }
}
