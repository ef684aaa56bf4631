import type {
  Caller,
  DownstreamServer,
  RequestOutcome,
  SubscriptionCall,
} from "../../downstream/mod.ts";
import { CallerError } from "../../errors.ts";
import { NO_SPAN } from "../../trace.ts";

/** Maximum number of subscriptions of a client. */
const MAX_SUBSCRIPTIONS = 1000;

/** The resources to which the client of a connection has subscribed, and their servers. */
export class ClientSubscriptions {
  readonly #servers = new Map<string, DownstreamServer>();
  readonly #abort = new AbortController();

  /** Number of resources. */
  get size(): number {
    return this.#servers.size;
  }

  /** Ends all requests; the servers end the subscriptions of a client that has left. */
  close(): void {
    this.#abort.abort(new DOMException("The client is gone", "AbortError"));
    this.#servers.clear();
  }

  /**
   * Subscribes to a resource of a server. A subscription at another server ends.
   *
   * @throws {CallerError} `RATE_LIMITED`, if the client has too many subscriptions.
   * @throws {DownstreamError} if the server is not available.
   */
  async add(
    call: SubscriptionCall,
    { server, caller }: { readonly server: DownstreamServer; readonly caller: Caller },
  ): Promise<RequestOutcome> {
    const { uri } = call;
    const earlier = this.#servers.get(uri);
    if (earlier === undefined && this.#servers.size >= MAX_SUBSCRIPTIONS) {
      const message =
        `This client has ${MAX_SUBSCRIPTIONS} subscriptions. End one of them, and subscribe again.`;
      throw new CallerError("RATE_LIMITED", message);
    }
    this.#servers.set(uri, server);
    let isSubscribed = false;
    try {
      const outcome = await server.subscribe(call, caller);
      isSubscribed = outcome.reply.ok;
      return outcome;
    } finally {
      if (!isSubscribed && this.#servers.get(uri) === server) this.#servers.delete(uri);
      if (earlier !== undefined && earlier !== server) void this.#end(uri, earlier, caller);
    }
  }

  /** Ends the subscription to a resource; `undefined` if there is none. */
  async remove(call: SubscriptionCall, caller: Caller): Promise<RequestOutcome | undefined> {
    const server = this.#servers.get(call.uri);
    this.#servers.delete(call.uri);
    return await server?.unsubscribe(call, caller);
  }

  /**
   * Adapts the subscriptions to another configuration: those at a server that was replaced are made again, and those
   * that are not allowed any more end.
   *
   * @param caller The caller; `undefined` if the connection has no agent any more.
   * @param options Finds the server that replaces one for a resource, if any; called with each resource that
   * may have been updated meanwhile.
   */
  async adapt(
    caller: Caller | undefined,
    { findServer, onUpdated }: {
      readonly findServer: (name: string, uri: string) => DownstreamServer | undefined;
      readonly onUpdated: (uri: string) => void;
    },
  ): Promise<void> {
    const { signal } = this.#abort;
    const failed = new Set<DownstreamServer>();
    for (const [uri, server] of [...this.#servers]) {
      const next = caller && findServer(server.config.name, uri);
      // Meanwhile, the client may have unsubscribed, or the configuration may have changed once more.
      if (next === server || this.#servers.get(uri) !== server) continue;
      this.#servers.delete(uri);
      if (caller === undefined) continue;
      await this.#end(uri, server, caller);
      if (next === undefined) continue;
      if (!failed.has(next)) {
        await this.add({ uri, span: NO_SPAN, signal }, { server: next, caller })
          .catch(() => void failed.add(next));
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
