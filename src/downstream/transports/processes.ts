import { DownstreamError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { isWithinShare } from "../../fair_share.ts";
import { MARK_VARIABLE } from "../../config/mod.ts";
import { signalGroup, Watchdog } from "../../processes/mod.ts";

/** A server cannot be started because the limit of processes is reached; the server did not fail. */
export class ProcessLimitReached extends DownstreamError {
  /**
   * Creates the error for the agent.
   *
   * @param server Name of the server.
   * @param limit `max`: limit of processes. `isShare`: whether only the agent's share of them is used up.
   */
  constructor(server: string, limit: { readonly max: number; readonly isShare: boolean }) {
    const { max, isShare } = limit;
    const message = `Server "${server}" is not available: ` +
      (isShare
        ? `the agent uses its share of the gateway's ${max} server processes`
        : `the gateway runs ${max} server processes already`) +
      " (GATEWAY_MAX_PROCESSES).";
    const hint = "Try again when other calls are done";
    super("SERVER_UNAVAILABLE", server, message, { hint });
  }
}

/** The session that a process is started for. */
export interface ProcessOwner {
  /** The agent that uses the session; `undefined` if agents share the session, or no agent uses it yet. */
  readonly agent: string | undefined;
  /** Whether idle sessions may be ended to make room for this session. */
  readonly isNeeded: boolean;
  /** The end of the last call, on the clock of `performance.now()`; `undefined` while the session is in use. */
  readonly idleSince: number | undefined;
  /** Ends the session; resolves when its process has ended. */
  end(): Promise<void>;
}

/** The owner of a process that was started without a session. */
export const NO_OWNER: ProcessOwner = {
  agent: undefined,
  isNeeded: false,
  idleSince: undefined,
  end: () => Promise.resolve(),
};

/** A process group that was started for a session. */
export interface ProcessGroup {
  /** The number that `createMark` returned with the mark in its environment. */
  readonly number: number;
  /** The session that the processes are for. */
  readonly owner: ProcessOwner;
}

/** The process groups of all servers. Limits their number, and registers them with the watchdog. */
export class Processes {
  readonly #max: number;
  readonly #hasSeveralAgents: () => boolean;
  readonly #groups = new Map<number, ProcessGroup>();
  readonly #endings = new Set<Promise<void>>();
  #lastNumber = 0;
  #isClosing = false;
  readonly #watchdog: Watchdog;

  /**
   * Creates the registry, without processes.
   *
   * @param max Limit of processes.
   * @param log Receives a warning if the watchdog cannot be started.
   * @param hasSeveralAgents Returns whether several agents use the gateway, so that each may use only its share.
   */
  constructor(max: number, log: Log, hasSeveralAgents = () => false) {
    this.#max = max;
    this.#hasSeveralAgents = hasSeveralAgents;
    this.#watchdog = new Watchdog(log);
  }

  /** Whether one more process may be started for a session. */
  hasRoomFor({ agent }: ProcessOwner): boolean {
    if (this.#freeCount === 0) return false;
    return agent === undefined || !this.#hasSeveralAgents() ||
      isWithinShare(this.#countOf(agent), this.#freeCount);
  }

  /**
   * Ends the longest idle session of the agent that has the most processes. If there is none, waits for the
   * end of a session that this method has already ended for another one.
   *
   * @param server Name of the server to start, for the error.
   * @param owner The session to start a process for.
   * @throws {ProcessLimitReached} if no session is idle or ending, or the new session is not needed yet.
   */
  async makeRoom(server: string, owner: ProcessOwner): Promise<void> {
    const isShare = this.#freeCount > 0;
    const idle = owner.isNeeded ? this.#findIdle(owner) : undefined;
    if (idle === undefined) {
      if (!owner.isNeeded || this.#endings.size === 0) {
        throw new ProcessLimitReached(server, { max: this.#max, isShare });
      }
      return await Promise.race(this.#endings);
    }
    const ending = idle.end().finally(() => this.#endings.delete(ending));
    this.#endings.add(ending);
    await ending;
  }

  /**
   * Creates the mark for the environment of the next process group. It begins with the gateway's own mark: the gateway
   * may be a server of another gateway. `add` needs the number in the mark.
   */
  createMark(): { readonly number: number; readonly mark: string } {
    const number = ++this.#lastNumber;
    return {
      number,
      mark: `${Deno.env.get(MARK_VARIABLE) ?? ""}${this.#watchdog.createMark(number)}`,
    };
  }

  /** Adds a process group that was started with the mark that has its number. */
  add(groupId: number, group: ProcessGroup): void {
    this.#groups.set(groupId, group);
    this.#watchdog.register(groupId);
  }

  /** Removes a process group that has ended; the system may reuse its id. */
  remove(groupId: number): void {
    const group = this.#groups.get(groupId);
    if (group === undefined) return;
    this.#groups.delete(groupId);
    this.#watchdog.unregister(groupId, this.#isClosing ? undefined : group.number);
  }

  /**
   * Prepares for `close`, which ends all processes that have left their groups. From now on, the end of a group starts no
   * search for such processes, because a search among hundreds of processes takes long.
   */
  expectClose(): void {
    this.#isClosing = true;
  }

  /** Kills all process groups immediately, including those of ending sessions. */
  kill(): void {
    for (const groupId of this.#groups.keys()) signalGroup(groupId, "SIGKILL");
  }

  /** Ends the watchdog, which ends the remaining processes. */
  async close(): Promise<void> {
    await this.#watchdog.close();
  }

  get #freeCount(): number {
    return this.#max - this.#groups.size;
  }

  /** Returns the number of processes that only one agent uses; 0 for the processes that agents share. */
  #countOf(agent: string | undefined): number {
    if (agent === undefined) return 0;
    return this.#groups.values().filter(({ owner }) => owner.agent === agent).toArray().length;
  }

  /**
   * Returns the idle session to end for a new session. A session of another agent is ended only if that agent
   * has at least as many processes as the agent of the new session then has.
   */
  #findIdle({ agent }: ProcessOwner): ProcessOwner | undefined {
    const neededCount = this.#countOf(agent) + 1;
    let best: { owner: ProcessOwner; count: number; idleSince: number } | undefined;
    for (const { owner } of this.#groups.values()) {
      const { idleSince } = owner;
      if (idleSince === undefined) continue;
      const count = owner.agent === agent ? neededCount : this.#countOf(owner.agent);
      const isAllowed = owner.agent === undefined ? this.#freeCount === 0 : count >= neededCount;
      if (!isAllowed) continue;
      const isBetter = best === undefined || count > best.count ||
        (count === best.count && idleSince < best.idleSince);
      if (isBetter) best = { owner, count, idleSince };
    }
    return best?.owner;
  }
}
