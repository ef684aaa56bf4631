import type { FetchLike } from "@modelcontextprotocol/client";
import { Unreachable } from "./failures.ts";
import { safeAddress } from "./safe_address.ts";

/** How long an answer may take, in milliseconds. */
const ANSWER_MS = 15_000;

/** The longest answer that is read; metadata and tokens have a few kilobytes. */
const MAX_BYTES = 1024 * 1024;

/** Answers to a question that say to come back later; a 500 may be all that an old server has. */
const LATER: ReadonlySet<number> = new Set([429, 503, 504]);

/** Statuses whose answers have no body. */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/**
 * A `fetch` for everything that a login needs. It sends to safe addresses only, never repeats a
 * request, follows no redirect by itself, and tells trouble with the way from a refusal.
 *
 * @param signal Gives up; its reason is thrown.
 * @param answerMs How long an answer may take, to its last byte, in milliseconds.
 */
export function guardedFetch(signal: AbortSignal, answerMs: number = ANSWER_MS): FetchLike {
  return async (address, init = {}) => {
    const url = safeAddress(address, "address");
    signal.throwIfAborted();
    // On a connection of its own: on a pooled one that is just closing, a POST would be repeated, and
    // a refresh token that comes twice revokes the login.
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
      const body = await readBody(response);
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

async function readBody(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Unreachable("answered with more than 1 MiB");
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** The end of what the network says, which holds no address. */
function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.slice(text.lastIndexOf("): ") + 1).replace(/^: /, "").slice(0, 120).trim();
}
