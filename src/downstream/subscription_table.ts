import type { Caller } from "./caller.ts";
import type { RequestOutcome } from "./invocation.ts";
import type { PooledSession, SessionPool } from "./pool.ts";
import type { Session } from "./session.ts";

/** Memory of a subscription besides its URI, in bytes. */
const SUBSCRIPTION_BYTES = 500;

/** The subscription of a session to a resource, for all connections that use the session. */
export interface SubscribedResource {
  readonly uri: string;
  readonly pooled: PooledSession;
  /** The answer of the server. */
  readonly answer: Promise<RequestOutcome>;
  /** Whether the server has confirmed the subscription. */
  isConfirmed: boolean;
  /** The subscribers, by the id of their connection. */
  readonly subscribers: Map<string, Subscriber>;
}

/** A connection that has subscribed to a resource. */
export interface Subscriber {
  /** The caller that subscribed. */
  readonly caller: Caller;
  readonly subscription: SubscribedResource;
  /** The time of the last renewal, on the clock of `performance.now()`; `undefined` if there was none. */
  readonly renewedAt: number | undefined;
}

/** The subscriptions of a server, by session and by connection. A session with a subscription stays open while unused. */
export class SubscriptionTable {
  readonly #pool: SessionPool;
  readonly #bySession = new Map<Session, Map<string, SubscribedResource>>();
  readonly #byConnection = new Map<string, Map<string, Subscriber>>();

  constructor(pool: SessionPool) {
    this.#pool = pool;
  }

  /** Returns the subscriber of a connection and a resource. */
  find(connectionId: string, uri: string): Subscriber | undefined {
    return this.#byConnection.get(connectionId)?.get(uri);
  }

  /** Returns the subscribers of a connection. */
  subscribersOf(connectionId: string): Subscriber[] {
    return [...this.#byConnection.get(connectionId)?.values() ?? []];
  }

  /** Returns the number of subscriptions of a connection. */
  count(connectionId: string): number {
    return this.#byConnection.get(connectionId)?.size ?? 0;
  }

  /** Returns the subscriptions of a session, by URI. */
  subscriptionsOf(session: Session): ReadonlyMap<string, SubscribedResource> | undefined {
    return this.#bySession.get(session);
  }

  /** Adds a subscription to a session that is held. */
  create(
    pooled: PooledSession,
    { uri, answer }: Pick<SubscribedResource, "uri" | "answer">,
  ): SubscribedResource {
    const { session } = pooled;
    const subscription = { uri, pooled, answer, isConfirmed: false, subscribers: new Map() };
    const ofSession = this.#bySession.get(session);
    if (ofSession === undefined) {
      this.#bySession.set(session, new Map([[uri, subscription]]));
      this.#pool.keepOpen(pooled);
    } else ofSession.set(uri, subscription);
    return subscription;
  }

  /**
   * Adds a subscriber, and removes an earlier one of the same connection and resource. If the earlier one has the same
   * subscription, keeps and returns it instead.
   */
  add(subscriber: Subscriber): Subscriber {
    const { caller: { connectionId, memory }, subscription } = subscriber;
    const { uri } = subscription;
    const earlier = this.find(connectionId, uri);
    if (earlier?.subscription === subscription) return earlier;
    if (earlier !== undefined) this.remove(earlier);
    const ofConnection = this.#byConnection.get(connectionId) ?? new Map<string, Subscriber>();
    this.#byConnection.set(connectionId, ofConnection.set(uri, subscriber));
    subscription.subscribers.set(connectionId, subscriber);
    memory?.add(bytesOf(uri));
    return subscriber;
  }

  /** Removes a subscriber; returns whether it was the last one, so that the server may end the subscription. */
  remove(subscriber: Subscriber): boolean {
    const { caller: { connectionId, memory }, subscription } = subscriber;
    const { uri, pooled, subscribers } = subscription;
    if (subscribers.get(connectionId) !== subscriber) return false;
    subscribers.delete(connectionId);
    memory?.add(-bytesOf(uri));
    const ofConnection = this.#byConnection.get(connectionId);
    if (ofConnection?.get(uri) === subscriber) ofConnection.delete(uri);
    if (ofConnection?.size === 0) this.#byConnection.delete(connectionId);
    const ofSession = this.#bySession.get(pooled.session);
    if (subscribers.size > 0 || ofSession?.get(uri) !== subscription) return false;
    ofSession.delete(uri);
    if (ofSession.size === 0) {
      this.#bySession.delete(pooled.session);
      this.#pool.allowEnd(pooled);
    }
    return true;
  }

  /** Removes a session that is no longer in use, but not its subscribers; returns its subscriptions. */
  removeSession(session: Session): SubscribedResource[] {
    const subscriptions = [...this.#bySession.get(session)?.values() ?? []];
    this.#bySession.delete(session);
    return subscriptions;
  }

  /** Removes all subscribers. */
  clear(): void {
    for (const connectionId of [...this.#byConnection.keys()]) {
      for (const subscriber of this.subscribersOf(connectionId)) this.remove(subscriber);
    }
  }
}

/** Returns the memory of a subscription to a resource, in bytes. */
export function bytesOf(uri: string): number {
  return SUBSCRIPTION_BYTES + 2 * uri.length;
}
