import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import type { CancelSignal, RpcError } from "../jsonrpc/mod.ts";
import { LoginNeedsCaller } from "./authorization.ts";
import type { CallClock } from "./call_clock.ts";
import type { Caller } from "./caller.ts";
import type { ServerLists } from "./catalog/mod.ts";
import { withDoctorHint } from "./failure.ts";
import { Lease } from "./lease.ts";
import type { PendingOperations } from "./pending_operations.ts";
import type { PooledSession, SessionPool } from "./pool.ts";
import { remoteFailureBehind } from "./remote_failure.ts";
import type { ServerHealth } from "./server_status.ts";
import { mayBeSessionLoss, type SessionCheck, type SessionLoss } from "./session_check.ts";
import { createSessionRefusal, refusesSession } from "./session_refusal.ts";
import { untilAborted } from "./until_aborted.ts";
import { LostWhileAsleep } from "./wake_check.ts";

/** The server, and the state that its operations share. */
export interface LeasedOperationsOptions {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** The server's sessions. */
  readonly pool: SessionPool;
  /** The server's lists. */
  readonly lists: ServerLists;
  /** Records failures. */
  readonly health: ServerHealth;
  /** Finds out whether a session is lost. */
  readonly sessionCheck: SessionCheck;
  /** The operations that a login can be offered to; `undefined` if the server never asks for one. */
  readonly pendingOperations: PendingOperations | undefined;
  /** Returns whether the server is no longer in use. */
  readonly isClosed: () => boolean;
}

/** An operation that needs a session. */
export interface LeasedOperation<T> {
  /** Runs the operation; called again with a new lease if another session may succeed. */
  readonly run: (lease: Lease) => Promise<T>;
  /** The only session that the operation may use; default: that of the caller, which may be started. */
  readonly pooled?: PooledSession;
  /** Cancels the operation; its reason is thrown. */
  readonly signal: CancelSignal;
  /** Returns the JSON-RPC error of the result, if it has one; the error may be about the session. */
  readonly rpcErrorOf?: (result: T) => RpcError | undefined;
  /** The operation's clock, which is stopped when the operation has ended, successfully or not. */
  readonly clock?: CallClock;
  /** Whether a person is asked to log in if the server needs it. Default: yes. */
  readonly offersLogin?: boolean;
}

/** Runs operations on the sessions of one server, once more on another session where that may succeed. */
export class LeasedOperations {
  readonly #options: LeasedOperationsOptions;

  /** @param options The server, and the state that its operations share. */
  constructor(options: LeasedOperationsOptions) {
    this.#options = options;
  }

  /** Runs an operation on the caller's session. If it fails and another session may succeed, runs it there once more. */
  async run<T>(
    caller: Caller,
    { run, pooled, signal, rpcErrorOf, clock, offersLogin = true }: LeasedOperation<T>,
  ): Promise<T> {
    const { config, pool, lists, health, sessionCheck, pendingOperations } = this.#options;
    // Only OAuth needs the pending operations: it offers a login to the client of one of them.
    const pending = offersLogin
      ? pendingOperations?.add({ channel: caller.channel, clock: clock ?? caller.permit })
      : undefined;
    try {
      let lost: LostWhileAsleep | undefined;
      for (let isFirst = true;; isFirst = false) {
        this.#refuseIfUnusable();
        // A client that has left must not get a session: nothing would end it.
        signal.throwIfAborted();
        const lease = new Lease({ pool, caller, pooled, lists, signal });
        try {
          if (lost !== undefined) await lost.untilReplaced(lease.session);
          const checking = lease.session.wakeCheck?.untilChecked(signal);
          if (checking !== undefined) await checking;
          const result = await run(lease);
          const rpcError = rpcErrorOf?.(result);
          if (rpcError === undefined || !refusesSession(rpcError)) return result;
          if (await this.#findLoss(lease, caller, signal) === undefined) return result;
          throw createSessionRefusal(config, rpcError);
        } catch (cause) {
          const loss = mayBeSessionLoss(cause)
            ? await this.#findLoss(lease, caller, signal)
            : undefined;
          const error = loss === undefined
            ? cause
            : sessionCheck.explain(cause, { loss, hasSent: lease.hasSent });
          if (error instanceof LostWhileAsleep) lost = error;
          if (isFirst && pooled === undefined && this.#prepareRetry(lease, error)) continue;
          health.recordFailure(error, caller.agent);
          const isTimeout = error instanceof DownstreamError && error.code === "TIMEOUT";
          if (isTimeout) void sessionCheck.examineTimeout(lease.pooledSession);
          throw lease.markIfUnrepeatable(error);
        } finally {
          lease[Symbol.dispose]();
        }
      }
    } finally {
      if (pending !== undefined) pendingOperations?.remove(pending);
      clock?.stop();
    }
  }

  /** Finds out whether the server still knows the session. Returns why the session counts as lost, if it does. */
  async #findLoss(
    { pooledSession, session }: Lease,
    caller: Caller,
    signal: CancelSignal,
  ): Promise<SessionLoss | undefined> {
    if (!session.mayBeRefused || this.#options.isClosed()) return undefined;
    const verdict = await untilAborted(
      this.#options.sessionCheck.examineLoss(pooledSession, caller),
      signal,
    );
    return verdict === "refused" || verdict === "silent" ? verdict : undefined;
  }

  #refuseIfUnusable(): void {
    const { config: { name, unavailable }, isClosed } = this.#options;
    const reason = unavailable ??
      (isClosed() ? "the gateway has taken it out of use" : undefined);
    if (reason === undefined) return;
    const message = `Server "${name}" is not available: ${reason}.`;
    const error = new DownstreamError("SERVER_UNAVAILABLE", name, message);
    throw unavailable === undefined ? error : withDoctorHint(error);
  }

  /** Returns whether another session may succeed. If so, retires a session that its server no longer knows. */
  #prepareRetry(lease: Lease, error: unknown): boolean {
    // The call joined a prewarmed session whose server had already asked for a login.
    if (error instanceof LoginNeedsCaller) return true;
    // A session without a handshake is a failed start; the next call tries again.
    if (lease.session.connectMs === undefined || !lease.mayRepeat(error)) return false;
    this.#retireLost(lease.pooledSession, error);
    return true;
  }

  /** Retires a session that its server no longer knows; active calls on it may still succeed. */
  #retireLost(pooled: PooledSession, error: unknown): void {
    const { config, lists, pool } = this.#options;
    if (remoteFailureBehind(error)?.reach !== "never" || pooled.session.state !== "ready") return;
    // A server that has forgotten its sessions may have been restarted, with other tools.
    lists.forget(pooled);
    pool.retire(pooled, config.options.maxCallMs);
  }
}
