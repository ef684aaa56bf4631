import { keepsRequest } from "../http_answers.ts";
import { RemoteFailure } from "../remote_failure.ts";

/** A request that was answered with a redirect. */
export interface RedirectedRequest {
  /** The url that the request began with. */
  readonly url: URL;
  /** The url that answered with the redirect. */
  readonly from: URL;
  readonly method: string;
  /** Whether the limit of redirects is reached, so that this one is not followed. */
  readonly isLast: boolean;
  /** Removes secrets from the address. */
  readonly redactSecrets: (text: string) => string;
}

/**
 * Returns the address of a redirect.
 *
 * @param response The redirect.
 * @param redirected The request.
 * @throws {RemoteFailure} if the redirect is not followed; its message contains the address without userinfo
 * and query.
 */
export function redirectTarget(
  { status, headers }: Response,
  { url: { origin, host }, from, method, isLast, redactSecrets }: RedirectedRequest,
): URL {
  const createFailure = (problem: string): RemoteFailure => {
    const message = `${host} ${problem}`;
    return new RemoteFailure(message, { reach: "refused", status, problem: "redirect" });
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
  if (!keepsRequest(method, status)) {
    throw createFailure(
      `redirects to ${address} in a way that would drop the message (HTTP ${status}); ` +
        "put that address into its url",
    );
  }
  if (isLast) {
    throw createFailure(`redirects too many times (HTTP ${status}), most recently to ${address}`);
  }
  return target;
}
