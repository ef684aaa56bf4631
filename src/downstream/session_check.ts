import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import { RPC_CODES, type RpcError } from "../jsonrpc/mod.ts";
import type { Caller } from "./caller.ts";
import type { PooledSession, SessionPool } from "./pool.ts";
import { RemoteFailure, remoteFailureBehind } from "./remote_failure.ts";
import { CatalogError, type ProbeKind } from "./revisions/mod.ts";
import { redactExcerpt } from "./secrets.ts";
import type { ServerHealth } from "./server_status.ts";
import type { Session } from "./session.ts";

/**
 * The way in which a session was lost: the server accepts a new one and refuses this one (`gone`), or
 * does not answer on it (`lost`).
 */
export type SessionLoss = "gone" | "lost";

/**
 * The result of a check. `unclear`: no new session works either, or the server refuses the probes on
 * every session.
 */
export type SessionVerdict = SessionLoss | "alive" | "unclear";

/** Options of a check. */
export interface SessionCheckOptions {
  /** The server's name. */
  readonly server: string;
  /** The server's sessions. */
  readonly pool: SessionPool;
  /** Records a hang. */
  readonly health: ServerHealth;
  /** Receives each session that is lost. */
  readonly onLost: (pooled: PooledSession) => void;
  /** Time for the active calls of a hanging or lost session to end, in milliseconds. */
  readonly drainMs: number;
}

/** The second is for servers that answer no request about whether they are alive. */
const PROBES = ["alive", "tools"] as const satisfies readonly ProbeKind[];

/** Statuses by which a server rejects a message unread if its session is gone. */
const TURNED_AWAY: ReadonlySet<number | undefined> = new Set([400, 404, 410]);

/** Statuses with a different reason than the session. */
const OTHER_REASONS: ReadonlySet<number | undefined> = new Set([401, 403, 407, 413, 429]);

/**
 * Finds out whether a session is still of use after a failure that leaves it open. If it is not, the next
 * call gets a new one; active calls on the old one may still succeed. Calls that fail together share one
 * check.
 */
export class SessionCheck {
  readonly #options: SessionCheckOptions;
  readonly #timedOut = new Set<PooledSession>();
  readonly #verdicts = new WeakMap<PooledSession, Promise<SessionVerdict>>();

  constructor(options: SessionCheckOptions) {
    this.#options = options;
  }

  /** Finds out whether a server hangs, after a call on the session has timed out. */
  async examineTimeout(pooled: PooledSession): Promise<void> {
    const { server, pool, health, drainMs } = this.#options;
    const { session } = pooled;
    // A session that is still connecting, or has ended meanwhile, answers no ping either.
    if (session.state !== "ready" || this.#timedOut.has(pooled)) return;
    this.#timedOut.add(pooled);
    const isAlive = await session.isAlive();
    this.#timedOut.delete(pooled);
    if (isAlive || session.state !== "ready") return;
    health.lastError = `Server "${server}" does not even answer a ping`;
    pool.retire(pooled, drainMs);
  }

  /**
   * Finds out whether a remote server still knows the session: a server that was restarted answers with
   * any error that its framework has for an unknown session. The check probes the session, and a new one
   * beside it; the old one is lost only if the new one does better.
   *
   * @param pooled The session.
   * @param caller A caller that may use it.
   */
  examineLoss(pooled: PooledSession, caller: Caller): Promise<SessionVerdict> {
    const known = this.#verdicts.get(pooled);
    if (known !== undefined) return known;
    const verdict = this.#examine(pooled, caller);
    this.#verdicts.set(pooled, verdict);
    void verdict.then((result) => {
      // A lost session stays lost; the next failure of another one may have a different cause.
      if (result === "alive" || result === "unclear") this.#verdicts.delete(pooled);
    });
    return verdict;
  }

  /**
   * Describes the failure of a call whose session was lost, and whether the call was carried out.
   *
   * @param cause The error of the call.
   * @param call How its session was lost, and whether the call had been sent.
   */
  explain(
    cause: unknown,
    { loss, hasSent }: { readonly loss: SessionLoss; readonly hasSent: boolean },
  ): DownstreamError {
    const { server } = this.#options;
    const status = remoteFailureBehind(cause)?.status;
    const isUnsent = !hasSent || (loss === "gone" && TURNED_AWAY.has(status));
    const said = cause instanceof Error ? cause.message : String(cause);
    const advice = isUnsent
      ? "Call again."
      : "This call may have been carried out, so it was not sent again: find out before you repeat it.";
    const message = `${said} The server no longer knew the session; a new one is open. ${advice}`;
    const failure = new RemoteFailure(said, { reach: isUnsent ? "never" : "maybe", cause });
    return new DownstreamError("SERVER_UNAVAILABLE", server, message, { cause: failure });
  }

  async #examine(pooled: PooledSession, caller: Caller): Promise<SessionVerdict> {
    const { pool, onLost, drainMs } = this.#options;
    if (await pooled.session.probe(PROBES[0]) === "answered") return "alive";
    const fresh = pool.startBeside(caller);
    try {
      await fresh.session.ready();
      const verdict = await compare(pooled.session, fresh.session);
      const isLost = verdict === "gone" || verdict === "lost";
      if (isLost) {
        onLost(pooled);
        pool.replace(pooled, { fresh, drainMs });
      } else pool.retire(fresh, drainMs);
      return verdict;
    } catch {
      // The server accepts no new session; the old one may work again later.
      return "unclear";
    } finally {
      pool.release(fresh);
    }
  }
}

async function compare(old: Session, fresh: Session): Promise<SessionVerdict> {
  for (const probe of PROBES) {
    const answer = await old.probe(probe);
    if (answer === "answered") return "alive";
    if (await fresh.probe(probe) !== "answered") continue;
    return answer === "refused" ? "gone" : "lost";
  }
  return "unclear";
}

/**
 * Whether an error may mean that the server no longer knows the session.
 *
 * @param error The error of an operation.
 */
export function mayBeSessionLoss(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof RemoteFailure) {
      const { reach, endsSession, isBusy, status } = cause;
      return reach !== "never" && !endsSession && !isBusy && !OTHER_REASONS.has(status);
    }
    if (cause instanceof CatalogError) return refusesSession(cause.cause as RpcError | undefined);
  }
  return false;
}

/**
 * Whether a JSON-RPC error may mean that the server does not know the session.
 *
 * @param error The error; `undefined` if there was none.
 */
export function refusesSession(error: RpcError | undefined): boolean {
  if (error === undefined) return false;
  return error.code === RPC_CODES.invalidRequest || /session|initiali[sz]/i.test(error.message);
}

/**
 * Describes the failure of a call that was answered with an error about the session.
 *
 * @param config The server's entry.
 * @param error The error of the answer.
 */
export function sessionRefusal(config: ServerConfig, error: RpcError): DownstreamError {
  const said = `it answered with error ${error.code}: ${redactExcerpt(error.message, config)}`;
  const cause = new RemoteFailure(said, { reach: "refused" });
  const message = `Server "${config.name}" is not available: ${said}.`;
  return new DownstreamError("SERVER_UNAVAILABLE", config.name, message, { cause });
}
