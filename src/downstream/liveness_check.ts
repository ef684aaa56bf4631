import type { ServerHealth } from "./server_health.ts";
import type { PooledSession, SessionPool } from "./pool.ts";

/** What hangs are looked for in. */
export interface HangCheckOptions {
  /** The server's name. */
  readonly server: string;
  /** Where its sessions are. */
  readonly pool: SessionPool;
  /** Where a hang is noted. */
  readonly history: ServerHealth;
  /** How long calls under way may take when their session is given up, in milliseconds. */
  readonly drainMs: number;
}

/**
 * Finds out whether a server hangs when a call took too long. If so, the next call gets a new
 * session; calls that are under way on the old one may still end well.
 */
export class LivenessCheck {
  readonly #options: HangCheckOptions;
  // Once at a time each, for thousands of calls may take too long together.
  readonly #examined = new Set<PooledSession>();

  /**
   * Looks for nothing yet.
   *
   * @param options See there.
   */
  constructor(options: HangCheckOptions) {
    this.#options = options;
  }

  /** Examines a session on which a call took too long. */
  async examine(place: PooledSession): Promise<void> {
    const { server, pool, history, drainMs } = this.#options;
    // One that still connects, or has ended meanwhile, answers no ping either.
    if (place.session.state !== "ready" || this.#examined.has(place)) return;
    this.#examined.add(place);
    const isAlive = await place.session.isAlive();
    this.#examined.delete(place);
    if (isAlive || place.session.state !== "ready") return;
    history.lastError = `Server "${server}" does not even answer a ping`;
    pool.retire(place, drainMs);
  }
}
