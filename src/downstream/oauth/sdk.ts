import type { ServerConfig } from "../../config/mod.ts";
import { addSecrets } from "../secrets.ts";

/** The OAuth functions of the official SDK. */
export type Sdk = typeof import("./sdk_functions.ts");

/** Loads the SDK; a gateway that needs no login never pays for it. */
export function loadSdk(): Promise<Sdk> {
  return import("./sdk_functions.ts");
}

/** Context of the requests of a login. */
export interface Requests {
  readonly config: ServerConfig;
  /** The server's address. */
  readonly url: string;
  readonly sdk: Sdk;
  readonly fetchFn: import("@modelcontextprotocol/client").FetchLike;
}

/** Redacts these texts from now on in everything that is written about the server. */
export function addSecret(config: ServerConfig, ...values: readonly (string | undefined)[]): void {
  addSecrets(config, values.filter((value) => value !== undefined));
}
