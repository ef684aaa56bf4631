import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import { RPC_CODES, type RpcError } from "../jsonrpc/mod.ts";
import type { Caller } from "./caller.ts";
import { CatalogError } from "./catalog.ts";
import type { PooledSession, SessionPool } from "./pool.ts";
import { RemoteFailure, remoteFailureBehind } from "./remote_failure.ts";
import { redactExcerpt } from "./secrets.ts";
import type { Session } from "./session.ts";

/**
 * How a session was lost. `gone`: the server refuses it and accepts a new one. `lost`: the server does
 * not answer on it and accepts a new one.
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
  /** Receives each session that is lost. */
  readonly onLost: (pooled: PooledSession) => void;
  /** How long calls under way may take when their session is given up, in milliseconds. */
  readonly drainMs: number;
}

/** Requests that change nothing at the server; the second is for servers that refuse every ping. */
const PROBES = ["ping", "tools/list"] as const;

/** Statuses by which a server turns a message away before it looks at it, if its session is gone. */
const TURNED_AWAY: ReadonlySet<number | undefined> = new Set([400, 404, 410]);

/** Statuses that say what is wrong, and that it is not the session. */
const OTHER_REASONS: ReadonlySet<number | undefined> = new Set([401, 403, 407, 413, 429]);

/**
 * Finds out whether a remote server still knows a session after a failure that leaves it open: a
 * server that was restarted answers with whatever its framework says of an unknown session. The
 * session is probed, and a new one beside it; only where the new one does better is the old one
 * given up. Calls that fail together share one check.
 */
export class SessionCheck {
  readonly #options: SessionCheckOptions;
  readonly #verdicts = new WeakMap<PooledSession, Promise<SessionVerdict>>();

  /**
   * Checks nothing yet.
   *
   * @param options The sessions, and what happens to a lost one.
   */
  constructor(options: SessionCheckOptions) {
    this.#options = options;
  }

  /**
   * Examines a session on which a call failed; where it is lost, the next call gets a new one.
   *
   * @param pooled The session.
   * @param caller A caller that may use it.
   */
  examine(pooled: PooledSession, caller: Caller): Promise<SessionVerdict> {
    const known = this.#verdicts.get(pooled);
    if (known !== undefined) return known;
    const verdict = this.#examine(pooled, caller);
    this.#verdicts.set(pooled, verdict);
    void verdict.then((result) => {
      // A session that is lost stays so; of another one the next failure may mean something else.
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
      // The server accepts no new session; the old one may be good again when the trouble is over.
      return "unclear";
    } finally {
      pool.release(fresh);
    }
  }
}

async function compare(old: Session, fresh: Session): Promise<SessionVerdict> {
  for (const method of PROBES) {
    const answer = await old.probe(method);
    if (answer === "answered") return "alive";
    if (await fresh.probe(method) !== "answered") continue;
    return answer === "refused" ? "gone" : "lost";
  }
  return "unclear";
}

/**
 * Whether an error leaves it open if the server still knows the session.
 *
 * @param error How an operation failed.
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
 * @param error The error; `undefined` where there was none.
 */
export function refusesSession(error: RpcError | undefined): boolean {
  if (error === undefined) return false;
  return error.code === RPC_CODES.invalidRequest || /session|initiali[sz]/i.test(error.message);
}

/**
 * The failure of a call that was answered with an error about the session.
 *
 * @param config The server's entry.
 * @param error What it answered.
 */
export function sessionRefusal(config: ServerConfig, error: RpcError): DownstreamError {
  const said = `it answered with error ${error.code}: ${redactExcerpt(error.message, config)}`;
  const cause = new RemoteFailure(said, { reach: "refused" });
  const message = `Server "${config.name}" is not available: ${said}.`;
  return new DownstreamError("SERVER_UNAVAILABLE", config.name, message, { cause });
}
