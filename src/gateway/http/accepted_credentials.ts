import { createHash } from "node:crypto";

/** Maximum number of remembered credentials; the oldest are forgotten first. */
const MAX_CREDENTIALS = 4096;

/**
 * Remembers which `Authorization` headers were accepted last, only to order requests before they are authenticated.
 * Every request is authenticated anyway.
 */
export class AcceptedCredentials {
  // The agents by the hash of the header.
  readonly #agents = new Map<string, string | undefined>();

  /**
   * Returns the hash of a header, under which the other methods know the credential.
   *
   * @param authorization The header; `undefined` if the request has none.
   */
  hash(authorization: string | undefined): string {
    if (authorization === undefined) return "";
    return createHash("sha256").update(authorization).digest("hex");
  }

  /**
   * Finds a credential; returns `undefined` if it is unknown. Its agent is `undefined` if the gateway requires no
   * credential.
   */
  find(hash: string): { readonly agent: string | undefined } | undefined {
    return this.#agents.has(hash) ? { agent: this.#agents.get(hash) } : undefined;
  }

  /** Adds a credential that was accepted, or makes it the newest. */
  add(hash: string, agent: string | undefined): void {
    this.#agents.delete(hash);
    this.#agents.set(hash, agent);
    if (this.#agents.size <= MAX_CREDENTIALS) return;
    for (const oldest of this.#agents.keys().take(1)) this.#agents.delete(oldest);
  }

  /** Removes a credential that was refused. */
  delete(hash: string): void {
    this.#agents.delete(hash);
  }
}
