import { keepsRequest } from "../http_answers.ts";
import { RemoteFailure } from "../remote_failure.ts";

/** A request that was answered with a redirect. */
export interface Redirected {
  /** The url that the request began with. */
  readonly url: URL;
  /** The url that answered with the redirect. */
  readonly from: URL;
  readonly method: string;
  /** Whether no further redirect is followed. */
  readonly isLast: boolean;
  /** Removes secrets from the address. */
  readonly clean: (text: string) => string;
}

/**
 * Returns the address of a redirect.
 *
 * @param response The redirect.
 * @param redirected The request.
 * @throws {RemoteFailure} if it is not followed; the message has the address without userinfo and query.
 */
export function redirectTarget(
  { status, headers }: Response,
  { url: { origin, host }, from, method, isLast, clean }: Redirected,
): URL {
  const refuse = (what: string): RemoteFailure => {
    const message = `${host} ${what}`;
    return new RemoteFailure(message, { reach: "refused", status, problem: "redirect" });
  };
  const location = headers.get("location");
  if (location === null) throw refuse(`redirects (HTTP ${status}) without saying where to`);
  const target = URL.parse(location, from);
  if (target === null) {
    throw refuse(
      `redirects (HTTP ${status}) to an invalid address: ${clean(location.slice(0, 200))}`,
    );
  }
  const isWeb = target.protocol === "http:" || target.protocol === "https:";
  const address = clean(
    isWeb ? `${target.origin}${target.pathname}` : `a ${target.protocol} address`,
  );
  if (!isWeb) {
    throw refuse(`redirects (HTTP ${status}) to ${address}, which the gateway does not follow`);
  }
  if (target.origin !== origin) {
    throw refuse(
      `redirects (HTTP ${status}) to ${address}, a different origin, which the gateway does not follow; ` +
        "if that is the right address, put it into its url",
    );
  }
  if (!keepsRequest(method, status)) {
    throw refuse(
      `redirects to ${address} in a way that would drop the message (HTTP ${status}); ` +
        "put that address into its url",
    );
  }
  if (isLast) {
    throw refuse(`redirects too many times (HTTP ${status}), most recently to ${address}`);
  }
  return target;
}
