import { quoteServerText } from "../secrets.ts";
import { LoginFailure } from "./login_failure.ts";
import type { OAuthContext } from "./sdk.ts";
import { isRegisteredByHand, isSameIssuer } from "./stored_login.ts";

/**
 * Finds the only issuer that may receive requests of the configured client: the one in the server's
 * entry, otherwise the first issuer that the server named. Without this binding, a server could later
 * name an authorization server of its own, which would receive the client's secret.
 *
 * @returns `undefined` if any issuer may receive the requests.
 */
export async function findBoundIssuer(
  { config, url, store }: OAuthContext,
): Promise<string | undefined> {
  const { issuer, clientId } = config.options.oauth ?? {};
  if (issuer !== undefined || !isBoundClient(config.options.oauth)) return issuer;
  return await store.readIssuer(url, clientId);
}

/**
 * Throws if the configured client is bound to another issuer; otherwise binds the client to this issuer.
 * Must be called before the first request that contains the client's id or secret.
 *
 * @param options `boundIssuer`: the result of `findBoundIssuer`. `isKnown`: whether the issuer is
 * more than a guess; the client is not bound to a guess.
 * @throws {LoginFailure} The message names both issuers.
 */
export async function requireBoundIssuer(
  issuer: string,
  { boundIssuer, isKnown, context }: {
    readonly boundIssuer: string | undefined;
    readonly isKnown: boolean;
    readonly context: OAuthContext;
  },
): Promise<void> {
  const { config, url, store } = context;
  const { oauth } = config.options;
  const mustBind = boundIssuer === undefined && isKnown && isBoundClient(oauth);
  const expected = mustBind
    ? await store.bindIssuer(issuer, { url, clientId: oauth?.clientId })
    : boundIssuer;
  if (expected === undefined || isSameIssuer(issuer, expected)) return;
  const origin = oauth?.issuer === undefined
    ? "its client_id was first used with"
    : "gateway.oauth.issuer of its entry is";
  const message = `the server names the authorization server ${quoteServerText(issuer, config)}, ` +
    `but ${origin} ${quoteServerText(expected, config)}. Nothing was sent to the former. If you ` +
    "trust it, put it into `gateway.oauth.issuer` of the server's entry in the servers file.";
  throw new LoginFailure(message, { canRetry: false });
}

/** Whether the configured client belongs to one issuer: it has a secret, or was registered by hand. */
function isBoundClient(oauth: OAuthContext["config"]["options"]["oauth"]): boolean {
  return oauth?.clientSecret !== undefined || isRegisteredByHand(oauth?.clientId);
}
