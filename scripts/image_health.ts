/**
 * The health check of the container image: asks the gateway beside it whether it is alive, and ends
 * with 1 where it does not say so. Goes by the gateway's own variables.
 *
 * @module
 */

/** How long the gateway may take to answer, in milliseconds; the check as a whole may take 5 s. */
const ANSWER_MS = 4000;

/**
 * Where the gateway can be asked.
 *
 * @param read Gives the value of a variable.
 */
export function healthUrl(read: (name: string) => string | undefined): string {
  const host = read("GATEWAY_HOST") || "127.0.0.1";
  // Who listens on all addresses is reached by the machine's own.
  const own = { "0.0.0.0": "127.0.0.1", "::": "[::1]", "[::]": "[::1]" }[host] ?? host;
  const address = own.includes(":") && !own.startsWith("[") ? `[${own}]` : own;
  const scheme = read("GATEWAY_TLS_CERT") ? "https" : "http";
  return `${scheme}://${address}:${read("GATEWAY_PORT") || "8080"}/health`;
}

if (import.meta.main) {
  const url = healthUrl((name) => Deno.env.get(name));
  try {
    const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    if (!ok) throw new Error(`it answered with ${status}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // What it says is kept by the container engine, for `docker inspect`.
    // deno-lint-ignore no-console
    console.error(`The gateway at ${url} is not healthy: ${reason}`);
    Deno.exit(1);
  }
}
