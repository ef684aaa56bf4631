import type { ServerConfig } from "../../config/mod.ts";
import { learnSecrets } from "../secrets.ts";

/** The OAuth functions of the official SDK. */
export type Sdk = typeof import("@modelcontextprotocol/client");

/** Loads them; a gateway that never meets a login never pays for them. */
export function loadSdk(): Promise<Sdk> {
  return import("@modelcontextprotocol/client");
}

/** What requests for tokens are made with. */
export interface Requests {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** Its address. */
  readonly url: string;
  /** The SDK. */
  readonly sdk: Sdk;
  /** Sends them. */
  readonly fetchFn: import("@modelcontextprotocol/client").FetchLike;
}

/** Texts that are secret from now on, in whatever is written about the server. */
export function keepSecret(config: ServerConfig, ...values: readonly (string | undefined)[]): void {
  learnSecrets(config, values.filter((value) => value !== undefined));
}
