import { DownstreamError } from "../errors.ts";
import type { CancelSignal } from "../jsonrpc/mod.ts";
import { sleepWatch } from "../sleep_watch.ts";
import { within } from "../within.ts";
import { probeSession } from "./probe_session.ts";
import { RemoteFailure } from "./remote_failure.ts";
import type { ProbeKind } from "./revisions/mod.ts";
import type { Session } from "./session.ts";
import type { Recovery } from "./transports/mod.ts";
import { untilAborted } from "./until_aborted.ts";

/** The reason of the failure, as a clause. */
const NO_ANSWER_SINCE_WAKE = "it has not answered since this machine woke up";

/** Time for a server to answer one question after a sleep, in milliseconds. */
const CHECK_MS = 3000;

/** Time after which a server that has answered no ping is asked for its tools, too, in milliseconds. */
const SECOND_PROBE_MS = 1000;

/** Time for the network to come back after a sleep, in milliseconds. After that, a session without an answer is lost. */
const NETWORK_MS = 30_000;

/** Pause between two checks of a server that cannot be reached, in milliseconds. */
const CHECK_PAUSE_MS = 250;

/** Maximum time that a call waits for the check, in milliseconds. */
const MAX_WAIT_MS = 5000;

/** Time for a new session to start in place of one that is lost, in milliseconds. */
const RESTART_MS = 5000;

/** Maximum random delay of a check that no call waits for, in milliseconds, so that not all sessions are checked at once. */
const MAX_DELAY_MS = 2000;

/** A session has not survived a sleep of this machine. Nothing was sent, and another session may succeed. */
export class LostWhileAsleep extends DownstreamError {
  /** @param server Name of the server. */
  constructor(server: string) {
    const options = { reach: "never", problem: "no-answer" } as const;
    const cause = new RemoteFailure(NO_ANSWER_SINCE_WAKE, options);
    super("SERVER_UNAVAILABLE", server, describeFailure(server), { cause });
  }

  /**
   * Waits until the session in place of the lost one has started.
   *
   * @throws {LostWhileAsleep} if that takes long. The next call may find it started.
   */
  async untilReplaced(replacement: Session): Promise<void> {
    if (!await within(replacement.ready(), RESTART_MS)) throw this;
  }
}

/**
 * Checks a session after each sleep of this machine. Its connections may have died meanwhile, and nothing reports that:
 * a request on them would wait until it times out. So new connections are used from then on, and no call is sent before
 * the server has answered on one of them.
 */
export class WakeCheck {
  readonly #session: Session;
  readonly #recovery: Recovery;
  readonly #stopWatching: () => void;
  #sleptMs = 0;
  readonly #closed = Promise.withResolvers<void>();
  #checking: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Begins to watch. */
  constructor(session: Session, recovery: Recovery) {
    this.#session = session;
    this.#recovery = recovery;
    this.#stopWatching = sleepWatch.watch((sleptMs) => this.#onWake(sleptMs));
  }

  /**
   * Returns a promise to await before anything is sent; `undefined` if there was no sleep since the last check.
   *
   * @param signal Cancels the wait; its reason is thrown.
   * @throws {DownstreamError} The promise rejects if the server does not answer. Nothing was sent then.
   */
  untilChecked(signal: CancelSignal): Promise<void> | undefined {
    sleepWatch.compareClocks();
    return this.#sleptMs === 0 ? undefined : untilAborted(this.#untilDone(this.#start()), signal);
  }

  /** Checks nothing more, because the session has ended. */
  close(): void {
    this.#stopWatching();
    clearTimeout(this.#timer);
    this.#closed.resolve();
  }

  #onWake(sleptMs: number): void {
    this.#recovery.renewConnections();
    this.#sleptMs += sleptMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#start(), Math.random() * MAX_DELAY_MS);
  }

  /** Waits until a check is done; throws if the session is lost, or the check takes too long. */
  async #untilDone(checking: Promise<void>): Promise<void> {
    const isDone = await within(checking, MAX_WAIT_MS);
    const { server, state } = this.#session;
    if (isDone && state === "ready") return;
    if (isDone) throw new LostWhileAsleep(server);
    throw new DownstreamError("SERVER_UNAVAILABLE", server, describeFailure(server));
  }

  #start(): Promise<void> {
    clearTimeout(this.#timer);
    this.#checking ??= this.#check().finally(() => this.#checking = undefined);
    return this.#checking;
  }

  async #check(): Promise<void> {
    const sleptMs = this.#sleptMs;
    const endsAt = performance.now() + NETWORK_MS;
    let isAlive = await this.#isAlive();
    // Without any HTTP response, the network may not be back, and the session may be intact. If the server responds over
    // HTTP but does not answer, it has lost the session.
    while (!isAlive && !this.#recovery.hasResponded && performance.now() < endsAt) {
      await within(this.#closed.promise, CHECK_PAUSE_MS);
      if (this.#session.state !== "ready") return;
      isAlive = await this.#isAlive();
    }
    if (!isAlive) return this.#recovery.endAsLost(NO_ANSWER_SINCE_WAKE);
    // The machine may have slept again meanwhile.
    this.#sleptMs -= sleptMs;
    this.#recovery.resume(sleptMs);
    this.#session.codec.recover?.();
  }

  /** Whether the server answers. A refusal counts as an answer: the next call finds out what it means. */
  async #isAlive(): Promise<boolean> {
    const ask = async (probe: ProbeKind, withinMs: number): Promise<void> => {
      const answer = await probeSession(this.#session, { probe, withinMs });
      if (answer === "silent") throw new RemoteFailure("silent", { reach: "maybe" });
    };
    const first = ask("alive", CHECK_MS);
    const probes = [first];
    // Some servers answer no ping.
    if (!await within(first, SECOND_PROBE_MS)) {
      probes.push(ask("tools", CHECK_MS - SECOND_PROBE_MS));
    }
    return await Promise.any(probes).then(() => true, () => this.#recovery.awaitsLogin);
  }
}

function describeFailure(server: string): string {
  return `Server "${server}" is not available: ${NO_ANSWER_SINCE_WAKE}. Call again in a few seconds.`;
}
