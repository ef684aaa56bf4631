import type { Section } from "../requirements.ts";

/** What sections 7 and 12 of the contract say of logins. */
export const OAUTH: Readonly<Record<string, Section>> = {
  "7 Downstream sessions": {
    "oauth.discovered": "a login is discovered from a refused call, never at start",
    "oauth.discovery": "login services are found by RFC 9728, RFC 8414, OpenID, or at the server",
    "oauth.clients": "clients are registered, described by a document, or configured",
    "oauth.checks": "PKCE, state and issuer are checked, and what is refused is not taken",
    "oauth.tolerance": "what a login does not need may be odd; what it needs and is wrong is named",
    "oauth.client-authentication": "a refused client tries its other method once, with any secret",
    "oauth.issuer": "tokens of one issuer are never sent to another",
    "oauth.scopes": "scopes that a call needs are asked for, and widened once",
    "oauth.client-credentials": "the gateway gets its own tokens by client credentials",
    "oauth.header": "an Authorization header in the configuration switches it off",
    "oauth.link": "a client with URL elicitation is offered the link, and told the end",
    "oauth.browser": "else the browser opens, once for all calls that wait",
    "oauth.wait": "a call waits so long, then AUTH_REQUIRED; at once without a browser",
    "oauth.addresses": "only https, or http on loopback, is opened or fetched, as one argument",
    "oauth.store": "one file for each server and issuer, 0600, replaced as a whole",
    "oauth.renewal": "renewed when a tenth of the life or a minute is left, once for all who wait",
    "oauth.processes": "and once for all gateway processes",
    "oauth.network": "trouble with the network is no logout",
    "oauth.no-secrets": "tokens, codes, verifiers and secrets appear nowhere",
    "oauth.http-operator": "over HTTP only the operator logs in",
  },
  "12 The command": {
    "auth.login": "auth login logs in, shows the link, and says where none is needed",
    "auth.status": "auth status tells how logins stand",
    "auth.logout": "auth logout takes a login back where that can be done, and forgets it",
  },
};
