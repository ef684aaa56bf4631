import type { ServerHealth } from "./server_status.ts";
import type { PooledSession, SessionPool } from "./pool.ts";

/** Options of a liveness check. */
export interface LivenessCheckOptions {
  /** The server's name. */
  readonly server: string;
  /** Its sessions. */
  readonly pool: SessionPool;
  /** Records a hang. */
  readonly health: ServerHealth;
  /** Time for the active calls of a hanging session to end, in milliseconds. */
  readonly drainMs: number;
}

/**
 * Finds out whether a server hangs after a call has timed out. If it does, the next call gets a new
 * session; active calls on the old one may still succeed.
 */
export class LivenessCheck {
  readonly #options: LivenessCheckOptions;
  // Each session is examined once at a time: thousands of calls may time out together.
  readonly #examined = new Set<PooledSession>();

  constructor(options: LivenessCheckOptions) {
    this.#options = options;
  }

  /** Examines a session on which a call has timed out. */
  async examine(pooled: PooledSession): Promise<void> {
    const { server, pool, health, drainMs } = this.#options;
    // A session that is still connecting, or has ended meanwhile, answers no ping either.
    if (pooled.session.state !== "ready" || this.#examined.has(pooled)) return;
    this.#examined.add(pooled);
    const isAlive = await pooled.session.isAlive();
    this.#examined.delete(pooled);
    if (isAlive || pooled.session.state !== "ready") return;
    health.lastError = `Server "${server}" does not even answer a ping`;
    pool.retire(pooled, drainMs);
  }
}
