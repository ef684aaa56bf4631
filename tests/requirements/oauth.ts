import type { Section } from "../requirements.ts";

/** Sections 7 and 12 of the promises: logins. */
export const OAUTH: Readonly<Record<string, Section>> = {
  "7 Downstream sessions": {
    "oauth.discovered": "a login is discovered from a refused call, never at start",
    "oauth.discovery":
      "authorization servers are found by RFC 9728, RFC 8414, OpenID, or at the server",
    "oauth.clients": "clients are registered, described by a document, or configured",
    "oauth.checks": "PKCE, state and issuer are checked, and refused answers are not used",
    "oauth.tolerance":
      "members that no login needs may be invalid; a needed member that is invalid is named",
    "oauth.client-authentication":
      "if the authentication of a client is refused, its other method is tried once",
    "oauth.issuer": "tokens of one issuer are never sent to another",
    "oauth.issuer-binding":
      "a configured client is used only with its issuer: the configured one, or the first one named",
    "oauth.scopes":
      "scopes that a call needs are requested, and a missing one is requested once more",
    "oauth.client-credentials": "the gateway gets its own tokens by client credentials",
    "oauth.header": "an Authorization header in the configuration disables OAuth",
    "oauth.link": "a client with URL elicitation gets the link, and a notification at the end",
    "oauth.browser": "without URL elicitation the browser opens, once for all waiting calls",
    "oauth.wait":
      "a call that waits for a login is AUTH_REQUIRED after a limited time, or at once without a browser",
    "oauth.addresses":
      "only https, or http on loopback, is opened or fetched; a browser gets a link as one argument",
    "oauth.named-addresses":
      "an address that a server names is private or on this machine only if its own address is",
    "oauth.dial":
      "a name is judged after it is resolved, and again by the address of the connection",
    "oauth.store":
      "each login has its own file by server and issuer, with mode 0600, replaced as a whole",
    "oauth.renewal":
      "a token is renewed when a tenth of its lifetime or a minute is left, once for all callers",
    "oauth.processes": "tokens are renewed once for all gateway processes",
    "oauth.network": "a network failure is not a logout",
    "oauth.no-secrets": "tokens, codes, verifiers and secrets appear nowhere",
    "oauth.http-operator": "over HTTP only the operator logs in",
  },
  "12 The command": {
    "auth.login": "auth login logs in, shows the link, and says if no login is needed",
    "auth.status": "auth status shows the state of the logins",
    "auth.logout": "auth logout revokes a login if possible, and removes it",
  },
};
