import { keepsMethod, MAX_REDIRECTS } from "../http_responses.ts";
import { RemoteFailure, type RemoteProblem } from "../remote_failure.ts";

/** A request that was answered with a redirect. */
export interface RedirectedRequest {
  /** The url that the request was first sent to. */
  readonly url: URL;
  /** The url that answered with the redirect. */
  readonly from: URL;
  readonly method: string;
  /** The urls that the request was sent to. */
  readonly visited: readonly URL[];
  /** Removes secrets from the address that the redirect names. */
  readonly redactSecrets: (text: string) => string;
}

/**
 * Returns the address that a redirect leads to.
 *
 * @param response The redirect.
 * @param request The request that was redirected.
 * @throws {RemoteFailure} if the redirect is not followed; its message contains the address without userinfo
 * and query.
 */
export function findRedirectTarget(
  { status, headers }: Response,
  { url: { origin, host }, from, method, visited, redactSecrets }: RedirectedRequest,
): URL {
  const createFailure = (text: string, problem: RemoteProblem = "redirect"): RemoteFailure => {
    return new RemoteFailure(`${host} ${text}`, { reach: "refused", status, problem });
  };
  const location = headers.get("location");
  if (location === null) throw createFailure(`redirects (HTTP ${status}) without saying where to`);
  const target = URL.parse(location, from);
  if (target === null) {
    throw createFailure(
      `redirects (HTTP ${status}) to an invalid address: ${redactSecrets(location.slice(0, 200))}`,
    );
  }
  const isHttp = target.protocol === "http:" || target.protocol === "https:";
  const address = redactSecrets(
    isHttp ? `${target.origin}${target.pathname}` : `a ${target.protocol} address`,
  );
  if (!isHttp) {
    throw createFailure(
      `redirects (HTTP ${status}) to ${address}, which the gateway does not follow`,
    );
  }
  if (target.origin !== origin) {
    throw createFailure(
      `redirects (HTTP ${status}) to ${address}, a different origin, which the gateway does not follow; ` +
        "if that is the right address, put it into its url",
    );
  }
  if (!keepsMethod(method, status)) {
    throw createFailure(
      `redirects to ${address} in a way that would drop the message (HTTP ${status}); ` +
        "put that address into its url",
    );
  }
  // A loop is refused only at the limit, because an address may redirect to itself once, to set a cookie.
  if (visited.length > MAX_REDIRECTS) {
    const isLoop = visited.some(({ href }) => href === target.href);
    const text = isLoop
      ? `redirects in a loop (HTTP ${status}): ${address} leads back to itself`
      : `redirects more than ${MAX_REDIRECTS} times (HTTP ${status}), most recently to ${address}`;
    throw createFailure(
      `${text}; correct its url, or report this to its operator`,
      "redirect-loop",
    );
  }
  return target;
}
