import { withDeadline } from "../within.ts";
import { RemoteFailure } from "./remote_failure.ts";
import type { ProbeKind } from "./revisions/mod.ts";
import type { Session } from "./session.ts";
import { refusesSession } from "./session_refusal.ts";

/** Options of a probe. */
export interface ProbeOptions {
  /** The request that is sent; default `alive`. */
  readonly probe?: ProbeKind;
  /** Time for the server to answer, in milliseconds; default: that of the session. */
  readonly withinMs?: number;
}

/**
 * The answer to a probe. `refused`: the server refused the session, or answered with an HTTP error. `silent`: no answer
 * came in time, or the connection has failed.
 */
export type ProbeAnswer = "answered" | "refused" | "silent";

/**
 * Sends a request that changes nothing at the server. Servers answer a ping even while their tools are busy.
 *
 * @param session The session on which the request is sent.
 * @param options The request, and the time for its answer.
 */
export async function probeSession(
  session: Session,
  { probe = "alive", withinMs = session.pingMs }: ProbeOptions = {},
): Promise<ProbeAnswer> {
  if (session.state === "broken") return "silent";
  try {
    const reply = await withDeadline(withinMs, (signal) => {
      return session.codec.probe(session.peer, { probe, signal });
    });
    if (reply.ok || !session.mayBeRefused) return "answered";
    const { error } = reply;
    const isRefused = refusesSession(error) || session.codec.refusesProbe?.(probe, error) === true;
    return isRefused ? "refused" : "answered";
  } catch (cause) {
    const hasStatus = cause instanceof RemoteFailure && cause.status !== undefined;
    return hasStatus ? "refused" : "silent";
  }
}
