import type { ServerHealth } from "./server_status.ts";
import type { PooledSession, SessionPool } from "./pool.ts";

/** Options of a liveness check. */
export interface HangCheckOptions {
  /** The server's name. */
  readonly server: string;
  /** Its sessions. */
  readonly pool: SessionPool;
  /** Takes note of a hang. */
  readonly health: ServerHealth;
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
   * @param options The server and its sessions.
   */
  constructor(options: HangCheckOptions) {
    this.#options = options;
  }

  /** Examines a session on which a call took too long. */
  async examine(pooled: PooledSession): Promise<void> {
    const { server, pool, health, drainMs } = this.#options;
    // One that still connects, or has ended meanwhile, answers no ping either.
    if (pooled.session.state !== "ready" || this.#examined.has(pooled)) return;
    this.#examined.add(pooled);
    const isAlive = await pooled.session.isAlive();
    this.#examined.delete(pooled);
    if (isAlive || pooled.session.state !== "ready") return;
    health.lastError = `Server "${server}" does not even answer a ping`;
    pool.retire(pooled, drainMs);
  }
}
