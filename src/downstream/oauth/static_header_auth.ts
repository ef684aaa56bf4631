import type { ServerAuth } from "../authorization.ts";
import { authRequired } from "./failures.ts";

/**
 * Authorization of a server whose entry has an `Authorization` header. Nothing is added to the
 * header, and if the server refuses it, no one is asked to log in.
 */
export class StaticHeaderAuth implements ServerAuth {
  readonly #server: string;

  constructor(server: string) {
    this.#server = server;
  }

  /** Returns no headers besides the configured ones. */
  headers(): Promise<Readonly<Record<string, string>>> {
    return Promise.resolve({});
  }

  /** Reports that the server refused the header. */
  recover(refusal: Response): Promise<void> {
    const why = `refused the Authorization header of its entry (HTTP ${refusal.status}). Correct ` +
      "it under `headers` in the servers file, or remove it to log in instead.";
    return Promise.reject(authRequired(this.#server, why));
  }

  /** Does nothing. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
