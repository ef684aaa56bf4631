import { CallerError } from "../errors.ts";
import { JsonText, Result } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import { NO_SPAN } from "../trace.ts";
import { withDeadline } from "../within.ts";
import type { CallClock } from "./call_clock.ts";
import type { Caller } from "./caller.ts";
import {
  type CallOptions,
  type RequestOutcome,
  rpcErrorOf,
  type SubscriptionCall,
} from "./invocation.ts";
import type { LeasedOperations } from "./leased_operations.ts";
import type { PooledSession, SessionPool } from "./pool.ts";
import type { ResourceUpdate } from "./revisions/mod.ts";
import type { Session } from "./session.ts";
import { bytesOf, type Subscriber, SubscriptionTable } from "./subscription_table.ts";

/** Limit of the subscriptions of one connection to one server. */
const MAX_PER_CONNECTION = 1000;

/** Minimum time between two renewals of a subscription, in milliseconds: each renewal may break the server again. */
const MIN_RENEWAL_GAP_MS = 60_000;

/** Time for a server to end the subscriptions of a client that is gone, in milliseconds. */
const RELEASE_TIMEOUT_MS = 5000;

/** The outcome of a request that needs nothing from the server. */
const DONE: RequestOutcome = {
  kind: "replied",
  reply: { ok: true, result: new Result({ value: {}, body: "{}", bytes: 2 }) },
  downstreamMs: 0,
  urlInputError: undefined,
};

/** Options of the subscriptions of a server. */
export interface SubscriptionsOptions {
  /** The server's name. */
  readonly server: string;
  /** The server's sessions. */
  readonly pool: SessionPool;
  /** Runs the requests. */
  readonly operations: LeasedOperations;
  /** Starts the clock of a request. */
  readonly startClock: (options: CallOptions, caller: Caller) => CallClock;
  /** Receives the number of subscriptions that are lost. */
  readonly log: Log;
  /** Receives the updates of resources, and the connections that have subscribed to them. */
  readonly onUpdated: (update: ResourceUpdate, connectionIds: readonly string[]) => void;
}

/**
 * The subscriptions of clients to the resources of a server. Clients that share a session share its subscriptions. If a
 * session ends, its subscriptions are renewed.
 */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #table: SubscriptionTable;
  readonly #closing = new AbortController();

  /** @param options The server, and the receiver of updates. */
  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.#table = new SubscriptionTable(options.pool);
  }

  /** Subscribes a connection; see `DownstreamServer`. */
  async subscribe(call: SubscriptionCall, caller: Caller): Promise<RequestOutcome> {
    const { connectionId, memory } = caller;
    const existing = this.#table.find(connectionId, call.uri)?.subscription;
    if (existing?.isConfirmed === true && !existing.pooled.isWithdrawn) return DONE;
    const isFull = this.#table.count(connectionId) >= MAX_PER_CONNECTION ||
      memory?.isExceeded(bytesOf(call.uri)) === true;
    if (!isFull) return await this.#request(call, { caller });
    const message = "There are too many subscriptions to resources of server " +
      `"${this.#options.server}". Unsubscribe from some, then subscribe again.`;
    throw new CallerError("RATE_LIMITED", message);
  }

  /** Ends the subscription of a connection; see `DownstreamServer`. */
  async unsubscribe(call: SubscriptionCall, caller: Caller): Promise<RequestOutcome> {
    const { operations, startClock } = this.#options;
    const subscriber = this.#table.find(caller.connectionId, call.uri);
    if (subscriber === undefined) return DONE;
    const { pooled } = subscriber.subscription;
    if (pooled.isWithdrawn) {
      this.#table.remove(subscriber);
      return DONE;
    }
    const clock = startClock(call, caller);
    return await operations.run(caller, {
      pooled,
      run: async (lease) => {
        // Other connections may need the subscription of the session.
        if (!this.#table.remove(subscriber)) return DONE;
        return await lease.changeSubscription({ ...call, kind: "unsubscribe" }, clock);
      },
      signal: clock.signal,
      rpcErrorOf,
      clock,
    });
  }

  /** Removes the subscriptions of a client that is gone. */
  release(connectionId: string): void {
    const urisBySession = new Map<Session, string[]>();
    for (const subscriber of this.#table.subscribersOf(connectionId)) {
      const { uri, pooled } = subscriber.subscription;
      // A session that only this client uses ends with it.
      if (!this.#table.remove(subscriber) || pooled.connectionId === connectionId) continue;
      const uris = urisBySession.get(pooled.session);
      if (uris === undefined) urisBySession.set(pooled.session, [uri]);
      else uris.push(uri);
    }
    for (const [session, uris] of urisBySession) void endSubscriptions(session, uris);
  }

  /** Passes an update on to the connections that have subscribed to the resource, or to a resource that contains it. */
  passOn(session: Session, update: ResourceUpdate): void {
    const connectionIds = new Set<string>();
    for (const { uri, subscribers } of this.#table.subscriptionsOf(session)?.values() ?? []) {
      if (!isPartOf(update.uri, uri)) continue;
      for (const connectionId of subscribers.keys()) connectionIds.add(connectionId);
    }
    if (connectionIds.size > 0) this.#options.onUpdated(update, [...connectionIds]);
  }

  /** Renews the subscriptions of a session that is no longer in use, in the background. */
  renewAll({ session }: PooledSession): void {
    // The unconfirmed ones have failed, or are renewed when their answer has arrived.
    const confirmed = this.#table.removeSession(session).filter(({ isConfirmed }) => isConfirmed);
    void this.#renew(confirmed.flatMap(({ subscribers }) => [...subscribers.values()]));
  }

  /** Removes all subscriptions, without a renewal. */
  close(): void {
    this.#closing.abort(new DOMException("The server is no longer in use", "AbortError"));
    this.#table.clear();
  }

  async #request(
    call: SubscriptionCall,
    { caller, renewedAt }: { readonly caller: Caller; readonly renewedAt?: number },
  ): Promise<RequestOutcome> {
    const { operations, startClock } = this.#options;
    const clock = startClock(call, caller);
    return await operations.run(caller, {
      run: (lease) => {
        const send = () => lease.changeSubscription({ ...call, kind: "subscribe" }, clock);
        return this.#add(lease.pooledSession, { uri: call.uri, caller, renewedAt, send });
      },
      signal: clock.signal,
      rpcErrorOf,
      clock,
    });
  }

  /** Subscribes a caller on a session; `send` asks the server, unless the session has the subscription. */
  async #add(pooled: PooledSession, options: AddOptions): Promise<RequestOutcome> {
    const { uri, caller, renewedAt, send } = options;
    const existing = this.#table.subscriptionsOf(pooled.session)?.get(uri);
    const subscription = existing ?? this.#table.create(pooled, { uri, answer: send() });
    // The permit of the operation ends with the operation, before the subscription.
    const { permit: _permit, ...subscribingCaller } = caller;
    const subscriber = this.#table.add({ caller: subscribingCaller, subscription, renewedAt });
    let outcome;
    try {
      outcome = await subscription.answer;
    } catch (error) {
      this.#table.remove(subscriber);
      // The request of another client may have been cancelled.
      if (existing !== undefined && !pooled.isWithdrawn) return await this.#add(pooled, options);
      throw error;
    }
    if (!outcome.reply.ok) {
      this.#table.remove(subscriber);
      return outcome;
    }
    subscription.isConfirmed = true;
    // The session may have ended just after the answer.
    if (pooled.isWithdrawn) void this.#renew([subscriber]);
    return existing === undefined ? outcome : DONE;
  }

  /**
   * Subscribes again on other sessions, one after the other, and reports each resource as updated, because updates may
   * have been missed.
   */
  async #renew(lost: readonly Subscriber[]): Promise<void> {
    const { server, log, onUpdated } = this.#options;
    const { signal } = this.#closing;
    // The pool may be about to give the callers another session.
    await Promise.resolve();
    let hasFailed = false;
    let lostCount = 0;
    for (const subscriber of lost) {
      const { caller, subscription: { uri }, renewedAt } = subscriber;
      const { connectionId } = caller;
      // The client may have left, unsubscribed, or subscribed again.
      if (this.#table.find(connectionId, uri) !== subscriber) continue;
      const now = performance.now();
      const isRepeated = renewedAt !== undefined && now - renewedAt < MIN_RENEWAL_GAP_MS;
      let isRenewed = false;
      if (!hasFailed && !isRepeated) {
        try {
          const call = { uri, span: NO_SPAN, signal };
          isRenewed = (await this.#request(call, { caller, renewedAt: now })).reply.ok;
        } catch {
          // The server's status reports that it is not available.
          hasFailed = true;
        }
      }
      if (signal.aborted) return;
      if (!isRenewed) {
        this.#table.remove(subscriber);
        lostCount++;
      } else if (this.#table.find(connectionId, uri) === undefined) continue;
      onUpdated({ uri, params: new JsonText(JSON.stringify({ uri })) }, [connectionId]);
    }
    if (lostCount > 0) {
      const fields = { server, count: lostCount };
      log.warn("Subscriptions to resources ended with their session", fields);
    }
  }
}

/** Options of adding a subscription. */
interface AddOptions {
  readonly uri: string;
  readonly caller: Caller;
  readonly renewedAt: number | undefined;
  readonly send: () => Promise<RequestOutcome>;
}

/** Whether a URI names a resource or a part of it: `a://b/c` and `a://b?c` are parts of `a://b`, but `a://bc` is not. */
export function isPartOf(uri: string, resourceUri: string): boolean {
  if (!uri.startsWith(resourceUri)) return false;
  const { length } = resourceUri;
  return uri.length === length || /[/?#]/.test(uri.charAt(length)) || /[/?#]$/.test(resourceUri);
}

/** Asks a server to end subscriptions; a failure is ignored. */
async function endSubscriptions(session: Session, uris: readonly string[]): Promise<void> {
  try {
    const info = await session.ready();
    await withDeadline(RELEASE_TIMEOUT_MS, async (signal) => {
      for (const uri of uris) {
        await session.codec.invoke(session.peer, {
          invocation: { kind: "unsubscribe", uri },
          info,
          meta: undefined,
          client: undefined,
          givenInput: undefined,
          signal,
          memory: undefined,
          onProgress: () => {},
        });
      }
    });
  } catch {
    // Updates that no connection has subscribed to are dropped.
  }
}
