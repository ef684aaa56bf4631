import { type ListKind, NoiseLog, type ResourceUpdate } from "../downstream/mod.ts";
import {
  type IncomingRequest,
  IndependentRequests,
  type RequestMessage,
  type ResponseWriter,
  serializeNotification,
} from "../jsonrpc/mod.ts";
import { within } from "../within.ts";
import type { ChangingList } from "./offered/mod.ts";
import type {
  NotifyOrDrop,
  StatelessClient,
  StatelessClientOptions,
  StatelessService,
} from "./stateless/mod.ts";

/** Minimum time between two warnings about a client that does not read, in milliseconds. */
const WARNING_MS = 60_000;

/** Options of an endpoint. */
export interface StatelessEndpointOptions
  extends Omit<StatelessClientOptions, "connectionId" | "notify" | "onFirstRequest"> {
  /** Loads the service, because clients with sessions do not need it. */
  readonly service: () => Promise<StatelessService>;
  /** Called when the client is forgotten. */
  readonly onDisconnect: () => void;
}

/** The gateway's end of a client without a session whose requests come one by one, as over HTTP. */
export class StatelessEndpoint {
  /** Id of the client, for the records. */
  readonly id: string = crypto.randomUUID();
  /** The client for which servers start; over HTTP, they start for all clients. */
  readonly connection = undefined;
  readonly #options: StatelessEndpointOptions;
  readonly #requests: IndependentRequests;
  readonly #loading: Promise<StatelessClient>;
  #client: StatelessClient | undefined;
  #hasEnded = false;
  #warnedAt = -Infinity;

  /** Starts to serve a client. */
  constructor(options: StatelessEndpointOptions) {
    this.#options = options;
    const noiseLog = new NoiseLog(options.log, { source: "a client sent" });
    this.#loading = this.#load();
    this.#requests = new IndependentRequests({
      request: (request) => {
        return this.#client?.handle(request) ??
          this.#loading.then((client) => client.handle(request));
      },
      unexpected: (description, _excerpt, length) => {
        noiseLog.write(description, () => ({ length }));
      },
    });
  }

  /** Whether operations wait for a further request of the client. */
  get isAwaited(): boolean {
    return this.#client?.isAwaited ?? false;
  }

  /** Receives a request; returns it, to cancel it if its sender is gone. */
  receive(message: RequestMessage, replyTo: ResponseWriter): IncomingRequest {
    return this.#requests.receive(message, replyTo);
  }

  /** Cancels the client's requests, and stops the servers that only it uses. */
  disconnect(): void {
    this.#options.onDisconnect();
  }

  /**
   * Ends the client: active requests get some time to be answered, then they are cancelled.
   *
   * @param withinMs Time for active requests, in milliseconds.
   */
  async end(withinMs: number): Promise<void> {
    this.#hasEnded = true;
    this.#client?.end();
    await within(this.#requests.allAnswered(), withinMs);
    this.#requests.cancelAll("The gateway ends");
  }

  /** Notifies the client, if it listens, that a reload may have changed a list. */
  notifyListMayHaveChanged(list: ChangingList): void {
    this.#client?.notifyListMayHaveChanged(list);
  }

  /** Notifies the client, if it listens, of a changed list of a server that it may use. */
  notifyServerListChanged(server: string, kind: ListKind): void {
    this.#client?.notifyServerListChanged(server, kind);
  }

  /** Notifies the client, if it listens, of an update of a resource that it may read. */
  notifyUpdated(server: string, update: ResourceUpdate): void {
    this.#client?.notifyUpdated(server, update);
  }

  /** Adapts the subscriptions of the client to the active configuration, in the background. */
  adaptSubscriptions(): void {
    this.#client?.adaptSubscriptions();
  }

  async #load(): Promise<StatelessClient> {
    const service = await this.#options.service();
    const client = await service.createClient({
      ...this.#options,
      connectionId: this.id,
      notify: this.#notifyOrDrop,
      onFirstRequest: () => {},
    });
    if (this.#hasEnded) client.end();
    return this.#client = client;
  }

  readonly #notifyOrDrop: NotifyOrDrop = (method, params, request) => {
    if (!request.hasSlowReader) return request.notify(serializeNotification(method, params));
    const now = performance.now();
    if (now - this.#warnedAt < WARNING_MS) return;
    this.#warnedAt = now;
    this.#options.log.warn(
      "A client does not read: progress and log messages of servers are dropped until it does",
    );
  };
}
