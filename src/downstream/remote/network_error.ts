import { RemoteFailure, type RemoteProblem } from "../remote_failure.ts";

const TRUST_HINT = "name a file with that authority's certificate in NODE_EXTRA_CA_CERTS, in the " +
  "gateway's environment";

/**
 * Patterns of Deno's descriptions of a failed connection, and the explanation of each. Deno has no error
 * codes. Its descriptions contain the whole url, so messages do not quote them.
 */
const EXPLANATIONS: readonly (readonly [
  RegExp,
  RemoteProblem,
  (host: string, hostname: string) => string,
])[] = [
  [/certificate expired/i, "tls-expired", (host) => `the TLS certificate of ${host} has expired`],
  [/certificate not valid yet/i, "tls-not-yet-valid", (host) => {
    return `the TLS certificate of ${host} is not valid yet; check the clock of this machine`;
  }],
  [/not valid for name/i, "tls-name", (host, hostname) => {
    return `the TLS certificate of ${host} is for another name than "${hostname}"`;
  }],
  [/CaUsedAsEndEntity|SelfSigned/i, "tls-unknown-issuer", (host) => {
    return `the TLS certificate of ${host} is self-signed; give the server one that an authority ` +
      `has signed, and ${TRUST_HINT}`;
  }],
  [/UnknownIssuer/i, "tls-unknown-issuer", (host) => {
    return `the TLS certificate of ${host} is self-signed, or signed by an authority that is ` +
      `unknown here; ${TRUST_HINT}`;
  }],
  [/peer certificate/i, "tls-other", (host) => `the TLS certificate of ${host} is not accepted`],
  [/corrupt message|InvalidContentType/i, "no-tls", (host) => {
    return `${host} does not speak TLS; perhaps its url should begin with http:`;
  }],
  [
    /tunnel|proxy/i,
    "proxy",
    (host) => `the proxy of this machine did not open a tunnel to ${host}`,
  ],
  [
    /dns error|failed to lookup/i,
    "unknown-host",
    (_, hostname) => `there is no host named "${hostname}"`,
  ],
  [/refused/i, "refused", (host) => {
    return `the connection to ${host} was refused; check that the server runs and its url is right`;
  }],
  [
    /unreachable|no route/i,
    "unreachable",
    (host) => `the network has no route to ${host}`,
  ],
  [/timed out|timeout/i, "no-answer", (host) => `${host} does not answer`],
  [/handshake|tls|ssl/i, "tls-other", (host) => `no TLS connection to ${host} could be made`],
  [/invalid HTTP|parse/i, "no-http", (host) => `${host} does not speak HTTP`],
  [
    /ports? \d+ (is|are) blocked/i,
    "port-blocked",
    (host) => `connections to the port of ${host} are blocked`,
  ],
];

/**
 * Explains why a request got no response.
 *
 * @param cause The error of `fetch`, or of reading a body.
 * @param request The address of the request, and whether the response has begun.
 */
export function explainNetworkFailure(
  cause: unknown,
  { url, isAnswering }: { readonly url: URL; readonly isAnswering: boolean },
): RemoteFailure {
  const description = describeCause(cause);
  // Without a connection, nothing was sent, so no tool has run.
  const reach = !isAnswering && /\(Connect\)|are blocked/.test(description) ? "never" : "maybe";
  const options = { reach, endsSession: true, cause } as const;
  if (isAnswering) {
    return new RemoteFailure(`${url.host} broke off its answer`, { ...options, problem: "closed" });
  }
  const [, problem, explain] = EXPLANATIONS.find(([pattern]) => pattern.test(description)) ?? [];
  const fallback = reach === "never"
    ? `no connection to ${url.host} could be made`
    : `${url.host} closed the connection without an answer`;
  const message = explain?.(url.host, url.hostname) ?? fallback;
  return new RemoteFailure(message, {
    ...options,
    problem: problem ?? (reach === "maybe" ? "closed" : undefined),
  });
}

/** Problems of a machine without a network; a proxy on the machine may have none either. */
const OFFLINE_PROBLEMS: ReadonlySet<RemoteProblem | undefined> = new Set([
  "refused",
  "unknown-host",
  "unreachable",
  "no-answer",
  "proxy",
  undefined,
]);

/** Patterns of the same problems in the error of a login, whose requests have connections of their own. */
const OFFLINE_PATTERN = /ConnectionRefused|Unreachable|AddrNotAvailable|failed to lookup|no route/i;

/**
 * Whether a request was not sent because no connection could be made, which may be because the network is not back yet.
 *
 * @param cause The failure of the request, or of the renewal of its token.
 */
export function isOffline(cause: unknown): boolean {
  if (!(cause instanceof RemoteFailure)) return OFFLINE_PATTERN.test(describeCause(cause));
  return cause.reach === "never" && OFFLINE_PROBLEMS.has(cause.problem);
}

function describeCause(cause: unknown): string {
  const texts: string[] = [];
  for (let error = cause; error instanceof Error; error = error.cause) {
    // The url is removed, because it may contain words that the patterns look for.
    texts.push(`${error.name} ${error.message.replace(/\b(for|url) \(?https?:\/\/\S+/g, "")}`);
  }
  return texts.join(" ");
}
