import type { ServerConfig } from "../../config/mod.ts";
import type { AccountOptions, LogoutOutcome } from "./accounts.ts";
import { addDefinedSecrets, createOAuthContext } from "./sdk.ts";
import { getOAuthFolder, TokenStore } from "./token_store.ts";
import { revokeLogin } from "./tokens.ts";

/** Removes the logins at a server, and revokes them if the authorization server supports it. */
export async function revokeAndRemoveLogins(
  config: ServerConfig,
  { url, log, folder, signal }: AccountOptions & { readonly url: string },
): Promise<LogoutOutcome> {
  const store = new TokenStore(folder ?? getOAuthFolder(Deno.env), log);
  const run = async (): Promise<LogoutOutcome> => {
    const { logins } = await store.read(url);
    const activeLogins = logins.filter(({ tokens }) => tokens !== undefined);
    // The logins are removed first: the user is logged out even if the authorization server does not respond.
    await store.remove(url);
    let outcome: LogoutOutcome = { wasLoggedIn: activeLogins.length > 0, revoked: "unsupported" };
    for (const login of activeLogins) {
      const { tokens, client } = login;
      addDefinedSecrets(config, tokens?.access_token, tokens?.refresh_token, client.client_secret);
      const context = await createOAuthContext({ config, url, store }, signal);
      try {
        if (await revokeLogin(login, context)) outcome = { ...outcome, revoked: "yes" };
      } catch (error) {
        signal.throwIfAborted();
        const reason = error instanceof Error ? error.message : String(error);
        return { wasLoggedIn: true, revoked: "failed", reason };
      }
    }
    return outcome;
  };
  return await store.withLock(url, { signal, run });
}
