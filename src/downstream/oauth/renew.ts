import type { ServerConfig } from "../../config/mod.ts";
import { UnreachableError } from "./login_failure.ts";
import { LockTimeout } from "../../file_lock.ts";
import { addDefinedSecrets, createOAuthContext } from "./sdk.ts";
import { isRenewalDue, matchesEntry, type StoredLogin } from "./stored_login.ts";
import type { TokenStore } from "./token_store.ts";
import { refreshTokens } from "./tokens.ts";

/** Options of a renewal. */
export interface RenewLoginOptions {
  readonly config: ServerConfig;
  readonly store: TokenStore;
  /** Cancels the wait for other processes, but not a request that was sent. */
  readonly signal: AbortSignal;
}

/**
 * Renews a login. A lock prevents two processes from renewing the same login. If another process has
 * renewed the login in the meantime, the tokens of that renewal are used.
 *
 * @param usedLogin The login whose tokens were last used.
 * @returns The login with new tokens. If the login has ended but its client can be used again, the login
 * without tokens. `undefined` if the client was rejected, too, or if the stored login has ended or was
 * removed.
 * @throws {UnreachableError} if the authorization server gave no definite answer; the tokens are
 * kept.
 */
export async function renewLogin(
  usedLogin: StoredLogin,
  { config, store, signal }: RenewLoginOptions,
): Promise<StoredLogin | undefined> {
  const run = async (): Promise<StoredLogin | undefined> => {
    const { logins, isDamaged } = await store.read(usedLogin.url);
    const storedLogin = logins.find((login) => login.issuer === usedLogin.issuer);
    // The login has ended or was removed in the meantime, unless the file is damaged.
    if (storedLogin?.tokens === undefined && !isDamaged) return undefined;
    const isUsable = storedLogin?.tokens !== undefined && matchesEntry(storedLogin, config);
    const login = isUsable ? storedLogin : usedLogin;
    const { tokens } = login;
    addDefinedSecrets(config, tokens?.access_token, tokens?.refresh_token);
    const isChanged = tokens?.access_token !== usedLogin.tokens?.access_token;
    if (isChanged && tokens !== undefined && !isRenewalDue(tokens, Date.now())) return login;
    return await requestRenewal(login, { config, store });
  };
  try {
    return await store.withLock(usedLogin.url, { signal, run });
  } catch (cause) {
    if (!(cause instanceof LockTimeout)) throw cause;
    throw new UnreachableError("has been renewing this login for another gateway for too long", {
      cause,
    });
  }
}

async function requestRenewal(
  login: StoredLogin,
  { config, store }: Pick<RenewLoginOptions, "config" | "store">,
): Promise<StoredLogin | undefined> {
  // The request cannot be cancelled: if new tokens were issued but not stored, the login would be
  // lost.
  const { signal } = new AbortController();
  const context = await createOAuthContext({ config, url: login.url, store }, signal);
  const renewal = await refreshTokens(login, context);
  if (renewal.kind === "tokens") {
    const renewedLogin = { ...login, client: renewal.client, tokens: renewal.tokens };
    await store.write(renewedLogin);
    return renewedLogin;
  }
  if (renewal.isClientRejected && login.client.kind === "registered") {
    await store.remove(login.url);
    return undefined;
  }
  const { tokens: _endedTokens, ...loginWithoutTokens } = login;
  await store.write(loginWithoutTokens);
  return loginWithoutTokens;
}
