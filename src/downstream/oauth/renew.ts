import type { ServerConfig } from "../../config/mod.ts";
import { Unreachable } from "./failures.ts";
import { LockTimeout } from "./file_lock.ts";
import { guardedFetch } from "./guarded_fetch.ts";
import { keepSecret, loadSdk } from "./sdk.ts";
import { fitsEntry, isDue, type StoredLogin } from "./stored_login.ts";
import type { TokenStore } from "./token_store.ts";
import { refresh } from "./tokens.ts";

/** What tokens are renewed with. */
export interface RenewOptions {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** Where logins are kept. */
  readonly store: TokenStore;
  /** Gives up waiting for other processes; a request that is under way comes to its end. */
  readonly signal: AbortSignal;
}

/**
 * Renews a login, once for all processes: under the lock, what another one has renewed is taken over.
 *
 * @param stale The login as it was used last.
 * @param options See there.
 * @returns The login with new tokens; without any where it is over, and its client can log in again;
 * `undefined` where the client is gone, too.
 * @throws {Unreachable} where that is not known for now; the tokens are kept.
 */
export async function renew(
  stale: StoredLogin,
  { config, store, signal }: RenewOptions,
): Promise<StoredLogin | undefined> {
  try {
    return await store.locked(stale.url, signal, async () => {
      const { logins, isDamaged } = await store.read(stale.url);
      const kept = logins.find((login) => login.issuer === stale.issuer);
      // Logged out meanwhile. A damaged file says nothing, and what is known here replaces it.
      if (kept?.tokens === undefined && !isDamaged) return undefined;
      const current = kept?.tokens !== undefined && fitsEntry(kept, config) ? kept : stale;
      keepSecret(config, current.tokens?.access_token, current.tokens?.refresh_token);
      const isOther = current.tokens?.access_token !== stale.tokens?.access_token;
      if (isOther && current.tokens !== undefined && !isDue(current.tokens, Date.now())) {
        return current;
      }
      return await renewNow(current, { config, store });
    });
  } catch (cause) {
    if (!(cause instanceof LockTimeout)) throw cause;
    throw new Unreachable("is being asked by another gateway, which does not come to an end", {
      cause,
    });
  }
}

async function renewNow(
  login: StoredLogin,
  { config, store }: Pick<RenewOptions, "config" | "store">,
): Promise<StoredLogin | undefined> {
  const sdk = await loadSdk();
  // Not to be given up half-way: new tokens that nobody took would be the end of the login.
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
  const { tokens: _gone, ...rest } = login;
  await store.write(rest);
  return rest;
}
