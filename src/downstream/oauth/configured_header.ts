import type { OwnAuthorization } from "../authorization.ts";
import { authRequired } from "./failures.ts";

/**
 * The authorization of a server whose entry has an `Authorization` header: nothing is added to it, and
 * where it is refused, nobody is asked to log in.
 */
export class ConfiguredHeader implements OwnAuthorization {
  readonly #server: string;

  /**
   * Does nothing yet.
   *
   * @param server Name of the server.
   */
  constructor(server: string) {
    this.#server = server;
  }

  /** Nothing besides what is configured. */
  headers(): Promise<Readonly<Record<string, string>>> {
    return Promise.resolve({});
  }

  /** Says that the header is refused. */
  recover(refusal: Response): Promise<void> {
    const why = `refused the Authorization header of its entry (HTTP ${refusal.status}). Correct ` +
      "it under `headers` in the servers file, or take it out to log in.";
    return Promise.reject(authRequired(this.#server, why));
  }

  /** There is nothing to end. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
