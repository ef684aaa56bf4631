/**
 * The health check of the container image: requests `/health` of the gateway in the same container, and
 * exits with 1 if the request fails. The address comes from the environment variables of the gateway.
 *
 * @module
 */

/** Maximum time for an answer, in milliseconds; the whole check may take 5 s. */
const ANSWER_MS = 4000;

/**
 * Returns the address of the gateway's health check.
 *
 * @param readVariable Returns the value of an environment variable.
 */
export function healthUrl(readVariable: (name: string) => string | undefined): string {
  const host = readVariable("GATEWAY_HOST") || "127.0.0.1";
  // A gateway that listens on all addresses is reachable on loopback.
  const reachableHost = { "0.0.0.0": "127.0.0.1", "::": "[::1]", "[::]": "[::1]" }[host] ?? host;
  const address = reachableHost.includes(":") && !reachableHost.startsWith("[")
    ? `[${reachableHost}]`
    : reachableHost;
  const scheme = readVariable("GATEWAY_TLS_CERT") ? "https" : "http";
  return `${scheme}://${address}:${readVariable("GATEWAY_PORT") || "8080"}/health`;
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
