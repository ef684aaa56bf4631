import { loadClientCodec2026 } from "../revisions/mod.ts";
import { Interactions, type InteractionsOptions } from "./interactions.ts";
import { StatelessClient, type StatelessClientOptions } from "./stateless_client.ts";

/** Serves all clients of the revision; operations that wait for their clients have common limits. */
export class StatelessService {
  readonly #interactions: Interactions;

  /** Creates the service. */
  constructor(options: InteractionsOptions) {
    this.#interactions = new Interactions(options);
  }

  /** Number of operations whose clients were asked for input, and that have not ended. */
  get waitingCount(): number {
    return this.#interactions.size;
  }

  /** Starts to serve a client. */
  async createClient(options: StatelessClientOptions): Promise<StatelessClient> {
    const codec = await loadClientCodec2026();
    return new StatelessClient({ codec, interactions: this.#interactions }, options);
  }

  /** Ends the operations that wait for their clients, because the gateway ends. */
  close(): void {
    this.#interactions.close();
  }
}
