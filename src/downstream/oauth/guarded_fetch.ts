import type { FetchLike } from "@modelcontextprotocol/client";
import {
  fetchUntrusted,
  ForbiddenAddressError,
  UnusableResponseError,
} from "../../untrusted_fetch.ts";
import { startTimer } from "../../within.ts";
import { UnreachableError } from "./login_failure.ts";
import { parseSafeAddress } from "./safe_address.ts";

/** Default of `timeoutMs`, in milliseconds. */
const RESPONSE_TIMEOUT_MS = 15_000;

/**
 * Statuses of a GET that mean "try later". 500 does not: old servers return it for unknown paths.
 */
const OVERLOAD_STATUSES: ReadonlySet<number> = new Set([429, 503, 504]);

/**
 * Creates the `fetch` function for all requests of a login. It sends to safe addresses only, never
 * repeats a request and follows no redirect. It throws `UnreachableError` for network failures and
 * for overloaded servers.
 *
 * @param serverUrl The address of the server that the login is for; the other addresses come from it.
 * @param options `signal` cancels the requests; its reason is thrown. `timeoutMs`: maximum time until
 * the last byte of a response, in milliseconds.
 */
export function createGuardedFetch(
  serverUrl: string,
  { signal, timeoutMs = RESPONSE_TIMEOUT_MS }: {
    readonly signal: AbortSignal;
    readonly timeoutMs?: number;
  },
): FetchLike {
  return async (address, init = {}) => {
    const url = parseSafeAddress(address, "address");
    signal.throwIfAborted();
    const timeout = new AbortController();
    const stopTimer = startTimer(timeoutMs, () => timeout.abort());
    try {
      const response = await fetchUntrusted(url, {
        ...init,
        namedBy: serverUrl,
        signal: AbortSignal.any([signal, timeout.signal]),
      });
      const isOverloaded = init.method === "POST"
        ? response.status >= 500 || response.status === 429
        : OVERLOAD_STATUSES.has(response.status);
      if (isOverloaded) throw new UnreachableError(`answered with HTTP ${response.status}`);
      return response;
    } catch (cause) {
      if (cause instanceof UnreachableError || cause instanceof ForbiddenAddressError) throw cause;
      signal.throwIfAborted();
      if (timeout.signal.aborted) throw new UnreachableError("did not answer in time", { cause });
      if (cause instanceof UnusableResponseError) throw new UnreachableError(cause.message);
      throw new UnreachableError(`cannot be reached (${describeNetworkError(cause)})`, { cause });
    } finally {
      stopTimer();
    }
  };
}

/** Returns the last part of a network error's message, which contains no address. */
function describeNetworkError(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.slice(text.lastIndexOf("): ") + 1).replace(/^: /, "").slice(0, 120).trim();
}
