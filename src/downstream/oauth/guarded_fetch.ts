import type { FetchLike } from "@modelcontextprotocol/client";
import { readBytes } from "../../bytes.ts";
import { Unreachable } from "./failures.ts";
import { safeAddress } from "./safe_address.ts";

/** Maximum time until the end of a response, in milliseconds. */
const ANSWER_MS = 15_000;

/** Maximum size of a response; metadata and tokens have a few kilobytes. */
const MAX_BYTES = 1024 * 1024;

/** Statuses of a GET that mean "try later"; an old server may answer 500 for any unknown path. */
const LATER: ReadonlySet<number> = new Set([429, 503, 504]);

/** Statuses of responses without a body. */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/**
 * Makes the `fetch` for all requests of a login. It sends to safe addresses only, never repeats a
 * request, follows no redirect, and reports network failures and overloaded services as
 * `Unreachable`.
 *
 * @param signal Cancels the requests; its reason is thrown.
 * @param answerMs Maximum time until the last byte of a response, in milliseconds.
 */
export function guardedFetch(signal: AbortSignal, answerMs: number = ANSWER_MS): FetchLike {
  return async (address, init = {}) => {
    const url = safeAddress(address, "address");
    signal.throwIfAborted();
    // On a connection of its own: a POST on a pooled connection that is closing would be repeated,
    // and a refresh token that is sent twice revokes the login.
    using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    const tooLong = new AbortController();
    const timer = setTimeout(() => tooLong.abort(), answerMs);
    try {
      const response = await fetch(url, {
        redirect: "manual",
        ...init,
        client,
        signal: AbortSignal.any([signal, tooLong.signal]),
      });
      const body = await readBytes(response.body, MAX_BYTES);
      if (body === undefined) throw new Unreachable("answered with more than 1 MiB");
      const isLate = init.method === "POST"
        ? response.status >= 500 || response.status === 429
        : LATER.has(response.status);
      if (isLate) throw new Unreachable(`answered with HTTP ${response.status}`);
      const { status, headers } = response;
      return new Response(BODILESS.has(status) ? null : body, { status, headers });
    } catch (cause) {
      if (cause instanceof Unreachable) throw cause;
      signal.throwIfAborted();
      if (tooLong.signal.aborted) throw new Unreachable("did not answer in time", { cause });
      throw new Unreachable(`cannot be reached (${reasonOf(cause)})`, { cause });
    } finally {
      clearTimeout(timer);
    }
  };
}

/** The last part of a network error's message, which contains no address. */
function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.slice(text.lastIndexOf("): ") + 1).replace(/^: /, "").slice(0, 120).trim();
}
