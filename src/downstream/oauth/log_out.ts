import type { ServerConfig } from "../../config/mod.ts";
import type { AccountOptions, LogoutOutcome } from "./accounts.ts";
import { guardedFetch } from "./guarded_fetch.ts";
import { addSecret, loadSdk } from "./sdk.ts";
import { oauthFolder, TokenStore } from "./token_store.ts";
import { revoke } from "./tokens.ts";

/** Removes the logins at a server, and revokes them at services that support it. */
export async function logOutOf(
  config: ServerConfig,
  { url, log, folder, signal }: AccountOptions & { readonly url: string },
): Promise<LogoutOutcome> {
  const store = new TokenStore(folder ?? oauthFolder(Deno.env), log);
  const run = async (): Promise<LogoutOutcome> => {
    const { logins } = await store.read(url);
    const live = logins.filter(({ tokens }) => tokens !== undefined);
    // Removed first: a service that hangs must not keep anyone logged in here.
    await store.remove(url);
    let outcome: LogoutOutcome = { wasLoggedIn: live.length > 0, revoked: "unsupported" };
    for (const login of live) {
      const { tokens, client } = login;
      addSecret(config, tokens?.access_token, tokens?.refresh_token, client.client_secret);
      const sdk = await loadSdk();
      const requests = { config, url, sdk, fetchFn: guardedFetch(signal) };
      try {
        if (await revoke(login, requests)) outcome = { ...outcome, revoked: "yes" };
      } catch (error) {
        signal.throwIfAborted();
        const reason = error instanceof Error ? error.message : String(error);
        return { wasLoggedIn: true, revoked: "failed", reason };
      }
    }
    return outcome;
  };
  return await store.locked(url, { signal, run });
}
