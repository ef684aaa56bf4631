import type { FetchLike } from "@modelcontextprotocol/client";
import { readBytes, reusingReader } from "../../bytes.ts";
import { UnreachableError } from "./login_failure.ts";
import { parseSafeAddress } from "./safe_address.ts";

/** Default of the maximum time until the end of a response, in milliseconds. */
const RESPONSE_TIMEOUT_MS = 15_000;

/** Maximum size of a response; metadata and tokens have a few kilobytes. */
const MAX_BYTES = 1024 * 1024;

/**
 * Statuses of a GET that mean "try later". 500 does not: old servers return it for unknown paths.
 */
const OVERLOAD_STATUSES: ReadonlySet<number> = new Set([429, 503, 504]);

/** Statuses of responses without a body. */
const BODILESS_STATUSES: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/**
 * Creates the `fetch` function for all requests of a login. It sends to safe addresses only, never
 * repeats a request and follows no redirect. It throws `UnreachableError` for network failures and
 * for overloaded servers.
 *
 * @param signal Cancels the requests; its reason is thrown.
 * @param timeoutMs Maximum time until the last byte of a response, in milliseconds.
 */
export function createGuardedFetch(
  signal: AbortSignal,
  timeoutMs: number = RESPONSE_TIMEOUT_MS,
): FetchLike {
  return async (address, init = {}) => {
    const url = parseSafeAddress(address, "address");
    signal.throwIfAborted();
    // A new connection for each request: a POST on a pooled connection that is closing would be
    // sent again, and a refresh token that is sent twice revokes the login.
    using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    try {
      const response = await fetch(url, {
        redirect: "manual",
        ...init,
        client,
        signal: AbortSignal.any([signal, timeout.signal]),
      });
      const body = await readBytes(reusingReader(response.body), MAX_BYTES);
      if (body === undefined) throw new UnreachableError("answered with more than 1 MiB");
      const isOverloaded = init.method === "POST"
        ? response.status >= 500 || response.status === 429
        : OVERLOAD_STATUSES.has(response.status);
      if (isOverloaded) throw new UnreachableError(`answered with HTTP ${response.status}`);
      const { status, headers } = response;
      return new Response(BODILESS_STATUSES.has(status) ? null : body, { status, headers });
    } catch (cause) {
      if (cause instanceof UnreachableError) throw cause;
      signal.throwIfAborted();
      if (timeout.signal.aborted) throw new UnreachableError("did not answer in time", { cause });
      throw new UnreachableError(`cannot be reached (${describeNetworkError(cause)})`, { cause });
    } finally {
      clearTimeout(timer);
    }
  };
}

/** Returns the last part of a network error's message, which contains no address. */
function describeNetworkError(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.slice(text.lastIndexOf("): ") + 1).replace(/^: /, "").slice(0, 120).trim();
}
