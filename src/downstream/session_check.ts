import { DownstreamError } from "../errors.ts";
import type { RpcError } from "../jsonrpc/mod.ts";
import type { Caller } from "./caller.ts";
import { ListError } from "./catalog/mod.ts";
import type { PooledSession, SessionPool } from "./pool.ts";
import { RemoteFailure, remoteFailureBehind } from "./remote_failure.ts";
import type { ProbeKind } from "./revisions/mod.ts";
import { refusesSession } from "./session_refusal.ts";
import type { ServerHealth } from "./server_status.ts";
import { probeSession } from "./probe_session.ts";
import type { Session } from "./session.ts";

/**
 * The reason why a session counts as lost, although the server accepts a new session: the server refuses
 * the messages of the lost session (`refused`), or does not answer them (`silent`).
 */
export type SessionLoss = "refused" | "silent";

/**
 * The result of a check. It is `unclear` if the server accepts no new session, or does not answer the probes
 * on a new session either.
 */
export type SessionVerdict = SessionLoss | "alive" | "unclear";

/** Options of a check. */
export interface SessionCheckOptions {
  /** The server's name. */
  readonly server: string;
  /** The server's sessions. */
  readonly pool: SessionPool;
  /** Records that the server hangs. */
  readonly health: ServerHealth;
  /** Receives each session that is lost. */
  readonly onLost: (pooled: PooledSession) => void;
  /** Time for the active calls of a hanging or lost session to end, in milliseconds. */
  readonly drainMs: number;
}

/** The probes, in the order in which they are sent. The second probe is for servers that answer no ping. */
const PROBES = ["alive", "tools"] as const satisfies readonly ProbeKind[];

/** HTTP statuses with which a server refuses a message of an unknown session without processing it. */
const UNPROCESSED_STATUSES: ReadonlySet<number | undefined> = new Set([400, 404, 410]);

/** HTTP statuses that never mean that the session is unknown. */
const UNRELATED_STATUSES: ReadonlySet<number | undefined> = new Set([401, 403, 407, 413, 429]);

/**
 * Finds out whether a session is still usable after a failure that left it open. If it is not, the next
 * call gets a new session; active calls on the old session may still succeed. Calls that fail at the same
 * time share one check.
 */
export class SessionCheck {
  readonly #options: SessionCheckOptions;
  readonly #timedOut = new Set<PooledSession>();
  readonly #verdicts = new WeakMap<PooledSession, Promise<SessionVerdict>>();

  constructor(options: SessionCheckOptions) {
    this.#options = options;
  }

  /** Finds out whether a server hangs, after a call on the session has timed out; if so, retires the session. */
  async examineTimeout(pooled: PooledSession): Promise<void> {
    const { server, pool, health, drainMs } = this.#options;
    const { session } = pooled;
    // A session that is still connecting, or has ended meanwhile, answers no ping either.
    if (session.state !== "ready" || this.#timedOut.has(pooled)) return;
    this.#timedOut.add(pooled);
    const isAlive = await probeSession(session) === "answered";
    this.#timedOut.delete(pooled);
    if (isAlive || session.state !== "ready") return;
    health.recordSilence(server);
    pool.retire(pooled, drainMs);
  }

  /**
   * Finds out whether a remote server still knows the session. The error alone does not show this: after a
   * restart, servers answer an unknown session with different errors. The check probes the session and a
   * new one. The session is lost only if a probe fails on it and succeeds on the new session.
   *
   * @param pooled The session.
   * @param caller A caller that may use the session.
   */
  examineLoss(pooled: PooledSession, caller: Caller): Promise<SessionVerdict> {
    const pending = this.#verdicts.get(pooled);
    if (pending !== undefined) return pending;
    const verdict = this.#examine(pooled, caller);
    this.#verdicts.set(pooled, verdict);
    void verdict.then((result) => {
      // A lost session stays lost. After any other verdict, the next failure starts a new check.
      if (result === "alive" || result === "unclear") this.#verdicts.delete(pooled);
    });
    return verdict;
  }

  /**
   * Describes the failure of a call whose session was lost, and whether the call may have been carried out.
   *
   * @param cause The error of the call.
   * @param call `loss`: why the session counts as lost. `hasSent`: whether a tool call had been sent.
   */
  explain(
    cause: unknown,
    { loss, hasSent }: { readonly loss: SessionLoss; readonly hasSent: boolean },
  ): DownstreamError {
    const { server } = this.#options;
    const status = remoteFailureBehind(cause)?.status;
    const mayHaveRun = hasSent && !(loss === "refused" && UNPROCESSED_STATUSES.has(status));
    const reason = cause instanceof Error ? cause.message : String(cause);
    const advice = mayHaveRun
      ? "This call may have been carried out, so it was not sent again: find out before you repeat it."
      : "Call again.";
    const message = `${reason} The server no longer knew the session; a new one is open. ${advice}`;
    const failure = new RemoteFailure(reason, {
      reach: mayHaveRun ? "maybe" : "never",
      cause,
    });
    return new DownstreamError("SERVER_UNAVAILABLE", server, message, { cause: failure });
  }

  async #examine(pooled: PooledSession, caller: Caller): Promise<SessionVerdict> {
    const { pool, onLost, drainMs } = this.#options;
    if (await probeSession(pooled.session, { probe: PROBES[0] }) === "answered") return "alive";
    const replacement = pool.startReplacement(caller);
    try {
      await replacement.session.ready();
      const verdict = await compareSessions(pooled.session, replacement.session);
      const isLost = verdict === "refused" || verdict === "silent";
      if (isLost) {
        onLost(pooled);
        pool.replace(pooled, { replacement, drainMs });
      } else pool.retire(replacement, drainMs);
      return verdict;
    } catch {
      // The server accepts no new session; the old one may work again later.
      return "unclear";
    } finally {
      pool.release(replacement);
    }
  }
}

async function compareSessions(old: Session, replacement: Session): Promise<SessionVerdict> {
  for (const probe of PROBES) {
    const answer = await probeSession(old, { probe });
    if (answer === "answered") return "alive";
    if (await probeSession(replacement, { probe }) !== "answered") continue;
    return answer;
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
      // A broken connection says nothing about the session.
      const isBroken = reach === "maybe" && status === undefined;
      return reach !== "never" && !endsSession && !isBusy && !isBroken &&
        !UNRELATED_STATUSES.has(status);
    }
    if (cause instanceof ListError) return refusesSession(cause.cause as RpcError | undefined);
  }
  return false;
}
