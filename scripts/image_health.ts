/**
 * The health check of the container image: requests `/health` of the gateway in the same container, and
 * exits with 1 unless that succeeds. The gateway's own variables contain the address.
 *
 * @module
 */

/** Maximum time for an answer, in milliseconds; the whole check may take 5 s. */
const ANSWER_MS = 4000;

/**
 * Returns the address of the gateway's health check.
 *
 * @param read Returns the value of a variable.
 */
export function healthUrl(read: (name: string) => string | undefined): string {
  const host = read("GATEWAY_HOST") || "127.0.0.1";
  // A gateway that listens on all addresses is reachable on loopback.
  const reachable = { "0.0.0.0": "127.0.0.1", "::": "[::1]", "[::]": "[::1]" }[host] ?? host;
  const address = reachable.includes(":") && !reachable.startsWith("[")
    ? `[${reachable}]`
    : reachable;
  const scheme = read("GATEWAY_TLS_CERT") ? "https" : "http";
  return `${scheme}://${address}:${read("GATEWAY_PORT") || "8080"}/health`;
}

if (import.meta.main) {
  const url = healthUrl((name) => Deno.env.get(name));
  try {
    const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    if (!ok) throw new Error(`it answered with HTTP ${status}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // The container engine keeps this output for `docker inspect`.
    // deno-lint-ignore no-console
    console.error(`The gateway at ${url} is not healthy: ${reason}`);
    Deno.exit(1);
  }
}
