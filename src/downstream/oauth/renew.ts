import type { ServerConfig } from "../../config/mod.ts";
import { Unreachable } from "./failures.ts";
import { LockTimeout } from "../../file_lock.ts";
import { guardedFetch } from "./guarded_fetch.ts";
import { addSecret, loadSdk } from "./sdk.ts";
import { fitsEntry, isDue, type StoredLogin } from "./stored_login.ts";
import type { TokenStore } from "./token_store.ts";
import { refresh } from "./tokens.ts";

/** Options of a renewal. */
export interface RenewOptions {
  readonly config: ServerConfig;
  readonly store: TokenStore;
  /** Stops waiting for other processes; a request that was sent is completed. */
  readonly signal: AbortSignal;
}

/**
 * Renews a login, once for all processes: under the lock, tokens that another process has renewed
 * are used.
 *
 * @param stale The login as it was last used.
 * @returns The login with new tokens; without tokens if it has ended and its client can log in
 * again; `undefined` if the client was rejected, too.
 * @throws {Unreachable} if the service gave no definite answer; the tokens are kept.
 */
export async function renew(
  stale: StoredLogin,
  { config, store, signal }: RenewOptions,
): Promise<StoredLogin | undefined> {
  const run = async (): Promise<StoredLogin | undefined> => {
    const { logins, isDamaged } = await store.read(stale.url);
    const kept = logins.find((login) => login.issuer === stale.issuer);
    // Logged out in the meantime. A damaged file proves nothing, and the known login replaces it.
    if (kept?.tokens === undefined && !isDamaged) return undefined;
    const current = kept?.tokens !== undefined && fitsEntry(kept, config) ? kept : stale;
    addSecret(config, current.tokens?.access_token, current.tokens?.refresh_token);
    const isOther = current.tokens?.access_token !== stale.tokens?.access_token;
    if (isOther && current.tokens !== undefined && !isDue(current.tokens, Date.now())) {
      return current;
    }
    return await renewNow(current, { config, store });
  };
  try {
    return await store.locked(stale.url, { signal, run });
  } catch (cause) {
    if (!(cause instanceof LockTimeout)) throw cause;
    throw new Unreachable("is being asked by another gateway, which does not finish", {
      cause,
    });
  }
}

async function renewNow(
  login: StoredLogin,
  { config, store }: Pick<RenewOptions, "config" | "store">,
): Promise<StoredLogin | undefined> {
  const sdk = await loadSdk();
  // Not cancellable: if new tokens were issued and not stored, the login would be lost.
  const fetchFn = guardedFetch(new AbortController().signal);
  const renewal = await refresh(login, { config, url: login.url, sdk, fetchFn });
  if (renewal.kind === "tokens") {
    const renewed = { ...login, client: renewal.client, tokens: renewal.tokens };
    await store.write(renewed);
    return renewed;
  }
  if (renewal.isClientGone && login.client.kind === "registered") {
    await store.remove(login.url);
    return undefined;
  }
  const { tokens: _ended, ...withoutTokens } = login;
  await store.write(withoutTokens);
  return withoutTokens;
}
