import {
  type Caller,
  type DownstreamServer,
  isPartOf,
  type RequestOutcome,
  type SubscriptionCall,
} from "../../downstream/mod.ts";
import { CallerError } from "../../errors.ts";
import { NO_SPAN } from "../../trace.ts";

/** Maximum number of subscriptions of a client. */
const MAX_SUBSCRIPTIONS = 1000;

/** The server of a resource to which a client has subscribed. */
interface SubscribedResource {
  /** The server's name. */
  readonly name: string;
  /** The server that sends updates; `undefined` while the rules deny the resource, or the server is not configured. */
  readonly server: DownstreamServer | undefined;
}

/** The resources to which the client of a connection has subscribed, and their servers. */
export class ClientSubscriptions {
  // By URI.
  readonly #resources = new Map<string, SubscribedResource>();
  readonly #abort = new AbortController();

  /** Number of resources. */
  get size(): number {
    return this.#resources.size;
  }

  /** Whether the client has subscribed to a resource, or to one that it is a part of. */
  includes(uri: string): boolean {
    return this.#resources.keys().some((subscribedUri) => isPartOf(uri, subscribedUri));
  }

  /** Ends all requests; the servers end the subscriptions of a client that has left. */
  close(): void {
    this.#abort.abort(new DOMException("The client is gone", "AbortError"));
    this.#resources.clear();
  }

  /**
   * Subscribes to a resource of a server. A subscription to it at another server ends.
   *
   * @throws {CallerError} `RATE_LIMITED`, if the client has too many subscriptions.
   * @throws {DownstreamError} if the server is not available.
   */
  async add(
    call: SubscriptionCall,
    { server, caller }: { readonly server: DownstreamServer; readonly caller: Caller },
  ): Promise<RequestOutcome> {
    const { uri } = call;
    const earlierResource = this.#resources.get(uri);
    if (earlierResource === undefined && this.#resources.size >= MAX_SUBSCRIPTIONS) {
      const message =
        `This client has ${MAX_SUBSCRIPTIONS} subscriptions. End one of them, and subscribe again.`;
      throw new CallerError("RATE_LIMITED", message);
    }
    const resource = { name: server.config.name, server };
    this.#resources.set(uri, resource);
    let isSubscribed = false;
    try {
      const outcome = await server.subscribe(call, caller);
      isSubscribed = outcome.reply.ok;
      return outcome;
    } finally {
      if (!isSubscribed && this.#resources.get(uri) === resource) this.#resources.delete(uri);
      const earlierServer = earlierResource?.server;
      if (earlierServer !== undefined && earlierServer !== server) {
        void this.#end(uri, earlierServer, caller);
      }
    }
  }

  /** Ends the subscription to a resource; `undefined` if there is none. */
  async remove(call: SubscriptionCall, caller: Caller): Promise<RequestOutcome | undefined> {
    const resource = this.#resources.get(call.uri);
    this.#resources.delete(call.uri);
    return await resource?.server?.unsubscribe(call, caller);
  }

  /**
   * Adapts the subscriptions to another configuration. If a server was replaced, its subscriptions are made again at the
   * new one. If a resource is not allowed any more, its subscription pauses until another configuration allows it.
   *
   * @param caller The caller; `undefined` if the connection has no agent any more.
   * @param options `findServer` finds the server that replaces one for a resource, if any. `onUpdated` is called with
   * each resource that may have been updated meanwhile.
   */
  async adapt(
    caller: Caller | undefined,
    { findServer, onUpdated }: {
      readonly findServer: (name: string, uri: string) => DownstreamServer | undefined;
      readonly onUpdated: (uri: string) => void;
    },
  ): Promise<void> {
    const { signal } = this.#abort;
    const failedServers = new Set<DownstreamServer>();
    for (const [uri, resource] of [...this.#resources]) {
      const { name, server } = resource;
      const nextServer = caller && findServer(name, uri);
      // Meanwhile, the client may have unsubscribed, or the configuration may have changed once more.
      if (nextServer === server || this.#resources.get(uri) !== resource) continue;
      const paused = { name, server: undefined };
      this.#resources.set(uri, paused);
      if (caller === undefined) continue;
      if (server !== undefined) await this.#end(uri, server, caller);
      if (nextServer === undefined || this.#resources.get(uri) !== paused) continue;
      if (failedServers.has(nextServer)) this.#resources.delete(uri);
      else {
        await this.add({ uri, span: NO_SPAN, signal }, { server: nextServer, caller })
          .catch(() => void failedServers.add(nextServer));
      }
      if (signal.aborted) return;
      // Updates may have been missed; if the subscription has ended, the client learns of it when it reads the resource.
      onUpdated(uri);
    }
  }

  /** Ends a subscription at a server. If that fails, updates are dropped. */
  async #end(uri: string, server: DownstreamServer, caller: Caller): Promise<void> {
    const { signal } = this.#abort;
    await server.unsubscribe({ uri, span: NO_SPAN, signal }, caller).catch(() => {});
  }
}
