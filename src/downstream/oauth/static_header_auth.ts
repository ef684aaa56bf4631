import type { ServerAuth } from "../authorization.ts";
import { createAuthRequiredError } from "./login_failure.ts";

/**
 * Authorization of a server whose entry has an `Authorization` header. It adds no header, and starts no login if
 * the server refuses the entry's header.
 */
export class StaticHeaderAuth implements ServerAuth {
  readonly #server: string;

  constructor(server: string) {
    this.#server = server;
  }

  /** Returns no headers: the transport sends the headers of the entry anyway. */
  getHeaders(): Promise<Readonly<Record<string, string>>> {
    return Promise.resolve({});
  }

  /** Reports that the server refused the header. */
  recover(refusal: Response): Promise<void> {
    const reason =
      `refused the Authorization header of its entry (HTTP ${refusal.status}). Correct ` +
      "it under `headers` in the servers file, or remove it to log in instead.";
    return Promise.reject(createAuthRequiredError(this.#server, reason));
  }

  /** Does nothing. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
