import type { ServerConfig } from "../../config/mod.ts";
import { addIssuedSecrets } from "../secrets.ts";
import { createGuardedFetch } from "./guarded_fetch.ts";
import type { TokenStore } from "./token_store.ts";

/** The OAuth functions of the official SDK. */
export type Sdk = typeof import("./sdk_functions.ts");

/** Loads the functions on demand, because many gateways need none of them. */
export function loadSdk(): Promise<Sdk> {
  return import("./sdk_functions.ts");
}

/** The context of the requests of a login. */
export interface OAuthContext {
  readonly config: ServerConfig;
  /** The server's address. */
  readonly url: string;
  readonly sdk: Sdk;
  readonly store: TokenStore;
  readonly fetchFn: import("@modelcontextprotocol/client").FetchLike;
}

/** Creates the context of the requests of a login; the signal cancels them. */
export async function createOAuthContext(
  { config, url, store }: Pick<OAuthContext, "config" | "url" | "store">,
  signal: AbortSignal,
): Promise<OAuthContext> {
  const fetchFn = createGuardedFetch(url, { signal });
  return { config, url, store, sdk: await loadSdk(), fetchFn };
}

/** Adds values that logs and messages about the server must not contain. Skips `undefined`. */
export function addDefinedSecrets(
  config: ServerConfig,
  ...values: readonly (string | undefined)[]
): void {
  addIssuedSecrets(config, values.filter((value) => value !== undefined));
}
