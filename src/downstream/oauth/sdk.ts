import type { ServerConfig } from "../../config/mod.ts";
import { addSecrets } from "../secrets.ts";

/** The OAuth functions of the official SDK. */
export type Sdk = typeof import("./sdk_functions.ts");

/** Loads the functions on demand, because many gateways need none of them. */
export function loadSdk(): Promise<Sdk> {
  return import("./sdk_functions.ts");
}

/** The context of the requests of a login. */
export interface RequestContext {
  readonly config: ServerConfig;
  /** The server's address. */
  readonly url: string;
  readonly sdk: Sdk;
  readonly fetchFn: import("@modelcontextprotocol/client").FetchLike;
}

/** Adds texts that logs and messages about the server must not contain. Skips `undefined`. */
export function addDefinedSecrets(
  config: ServerConfig,
  ...values: readonly (string | undefined)[]
): void {
  addSecrets(config, values.filter((value) => value !== undefined));
}
