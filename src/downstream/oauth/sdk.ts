import type { ServerConfig } from "../../config/mod.ts";
import { isRecord } from "../handshake.ts";
import { learnSecrets } from "../secrets.ts";
import { LoginFailed, quoteServer, Unreachable } from "./failures.ts";
import { UnsafeAddress } from "./safe_address.ts";

/** The OAuth functions of the official SDK. */
export type Sdk = typeof import("@modelcontextprotocol/client");

/** Loads them; who never meets a login never pays for them. */
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

/**
 * Turns what the SDK throws into what is told: trouble with the way is passed on, and all else ends
 * the login.
 *
 * @param error What was thrown.
 * @param what What was being done, such as "to register".
 * @param requests What it was done with.
 */
export function readFailure(error: unknown, what: string, { sdk, config }: Requests): Error {
  if (
    error instanceof Unreachable || error instanceof UnsafeAddress || error instanceof LoginFailed
  ) return error;
  // Given up from outside.
  if (error instanceof DOMException) return error;
  if (error instanceof sdk.IssuerMismatchError) {
    const message = "the answer came from another login service than the one that was asked; " +
      "nothing was taken from it.";
    return new LoginFailed(message, { cause: error });
  }
  if (error instanceof sdk.OAuthError && error.code !== sdk.OAuthErrorCode.ServerError) {
    // The code is short by its nature, but nobody checked it.
    const code = quoteServer(error.code, config);
    const said = error.message === "" ? "" : `: ${quoteServer(error.message, config)}`;
    return new LoginFailed(`its login service refused ${what}, ${code}${said}.`, { cause: error });
  }
  const said = error instanceof Error
    ? quoteServer(firstIssue(error) ?? error.message, config)
    : "";
  return new LoginFailed(`its login service answered oddly when asked ${what}: ${said}.`, {
    cause: error,
  });
}

/** Of an answer that is not as its schema has it: the first thing that is wrong, and where. */
function firstIssue(error: Error): string | undefined {
  const issues: unknown = "issues" in error ? error.issues : undefined;
  const [first] = Array.isArray(issues) ? issues : [];
  if (!isRecord(first) || !Array.isArray(first.path)) return undefined;
  return `${first.path.join(".")}: ${first.message}`;
}
