import { type Fields, fieldsOf, isRecord } from "../../../json.ts";
import {
  Cancellation,
  type CancelSignal,
  ChannelClosed,
  JsonText,
  type Peer,
  type Reply,
  Result,
  RPC_CODES,
} from "../../../jsonrpc/mod.ts";
import { RESERVED_META } from "../../../reserved_meta.ts";
import type { ListKind } from "../../catalog/mod.ts";
import { untilAborted } from "../../until_aborted.ts";
import type { OpenServerOptions } from "../codec.ts";
import { requestHeaders } from "./headers.ts";
import type { RequestMeta } from "./request_meta.ts";

/** Asks a server for its notifications. */
const LISTEN = "subscriptions/listen";

/** Confirms which notifications a server will send. */
const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";

/** Pause before a server is asked again for its notifications, in milliseconds; each further pause is twice as long. */
const FIRST_PAUSE_MS = 1000;

/** Maximum pause, in milliseconds. */
const LAST_PAUSE_MS = 300_000;

/** Time after which a request for notifications counts as one that worked, in milliseconds. */
const STABLE_MS = 60_000;

/** Maximum length of the URIs of all subscriptions together, in UTF-16 code units: each change sends all of them. */
const MAX_URIS_LENGTH = 256 * 1024;

/** The kinds of changed lists, by their member of a request for notifications. */
const LIST_MEMBERS = {
  toolsListChanged: ["tools"],
  promptsListChanged: ["prompts"],
  resourcesListChanged: ["resources", "templates"],
} as const satisfies Readonly<Record<string, readonly ListKind[]>>;

/** Options of the notifications of a session. */
export interface ListeningOptions {
  /** Writes `_meta`. */
  readonly meta: RequestMeta;
  /** Whether the requests have HTTP headers. */
  readonly isHttp: boolean;
  /** Called when changes of lists may have been missed. */
  readonly onListsChanged: OpenServerOptions["onListsChanged"];
  /** Called when the update of a resource may have been missed. */
  readonly onResourceUpdated: OpenServerOptions["onResourceUpdated"];
}

/** One request for notifications. The server answers it only when it stops sending them. */
interface ListenRequest {
  id: number | undefined;
  readonly startedAt: number;
  readonly cancellation: Cancellation;
  /** Resolves with the notifications that the server has confirmed; rejects if the server refuses. */
  readonly acknowledged: PromiseWithResolvers<Fields>;
  /** The notifications that the server has confirmed. */
  confirmedNotifications: Fields | undefined;
}

/**
 * The notifications that a server sends during one request of the session. The request is replaced by another one when
 * the set of subscriptions changes, and repeated when it has ended.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions}
 */
export class Listening {
  readonly #options: ListeningOptions;
  readonly #uris = new Set<string>();
  readonly #requests = new Set<ListenRequest>();
  #urisLength = 0;
  #listMembers: Fields = {};
  #peer: Peer | undefined;
  #opening: Promise<Fields> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #mayHaveMissed = false;
  #refusal: Reply | undefined;
  #isClosed = false;

  constructor(options: ListeningOptions) {
    this.#options = options;
  }

  /** Asks for notifications of changed lists, if the server announces such changes. */
  start(peer: Peer, capabilities: Fields): void {
    this.#peer = peer;
    const { tools, prompts, resources } = capabilities;
    this.#listMembers = {
      ...(fieldsOf(tools).listChanged === true && { toolsListChanged: true }),
      ...(fieldsOf(prompts).listChanged === true && { promptsListChanged: true }),
      ...(fieldsOf(resources).listChanged === true && { resourcesListChanged: true }),
    };
    if (this.#wantsAnything) this.#reopen();
  }

  /** Subscribes to a resource. Returns the answer that a server of an earlier revision would give. */
  async subscribe(uri: string, signal: CancelSignal): Promise<Reply> {
    if (this.#refusal !== undefined) return this.#refusal;
    if (!this.#uris.has(uri)) {
      if (this.#urisLength + uri.length > MAX_URIS_LENGTH) {
        return createErrorReply(
          RPC_CODES.internalError,
          "There are too many subscriptions to this server",
        );
      }
      this.#uris.add(uri);
      this.#urisLength += uri.length;
    }
    try {
      const { resourceSubscriptions } = await untilAborted(this.#open(), signal);
      if (Array.isArray(resourceSubscriptions) && resourceSubscriptions.includes(uri)) return DONE;
      this.#remove(uri);
      return createErrorReply(
        RPC_CODES.invalidParams,
        "The server does not announce changes of it",
      );
    } catch (cause) {
      this.#remove(uri);
      if (cause instanceof ListeningRefused) return cause.reply;
      throw cause;
    }
  }

  /** Ends the subscription to a resource. */
  unsubscribe(uri: string): Reply {
    if (this.#remove(uri)) this.#reopen();
    return DONE;
  }

  /** Receives a notification; returns whether it is only about the request for notifications. */
  receive(method: string, params: unknown): boolean {
    if (method !== ACKNOWLEDGED) return false;
    const { notifications, _meta: meta } = fieldsOf(params);
    const id = fieldsOf(meta)[RESERVED_META.subscriptionId];
    const listen = this.#requests.values().find((candidate) => candidate.id === id);
    if (listen === undefined || listen.confirmedNotifications !== undefined) return true;
    listen.confirmedNotifications = fieldsOf(notifications);
    listen.acknowledged.resolve(listen.confirmedNotifications);
    // The new request replaces the earlier ones.
    for (const earlier of this.#requests) {
      if (earlier === listen) break;
      this.#requests.delete(earlier);
      earlier.acknowledged.resolve(listen.acknowledged.promise);
      earlier.cancellation.cancel("Replaced by another request");
    }
    if (this.#mayHaveMissed) this.#reportMissed(listen.confirmedNotifications);
    return true;
  }

  /** Asks again after a sleep of the machine: nothing reports it if the connection of a request has died. */
  recover(): void {
    const isWaiting = this.#timer !== undefined;
    if (this.#requests.size === 0 && !isWaiting) return;
    this.#mayHaveMissed = true;
    this.#pauseMs = FIRST_PAUSE_MS;
    // A request that is not confirmed yet is made again when it has ended.
    const pending = [...this.#requests].filter(({ confirmedNotifications }) =>
      confirmedNotifications === undefined
    );
    for (const { cancellation } of pending) cancellation.cancel("The machine has slept");
    if (pending.length === 0) this.#reopen();
  }

  /** Asks for nothing more, because the session has ended. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  get #wantsAnything(): boolean {
    return this.#uris.size > 0 || Object.keys(this.#listMembers).length > 0;
  }

  #remove(uri: string): boolean {
    if (!this.#uris.delete(uri)) return false;
    this.#urisLength -= uri.length;
    return true;
  }

  /** Asks for the notifications in the background. */
  #reopen(): void {
    this.#open().catch(() => {
      // It is asked again later, or never if it knows no such request.
    });
  }

  /** Asks for the wanted notifications. All changes that are made until the server confirms a request share the next one. */
  #open(): Promise<Fields> {
    this.#opening ??= this.#allConfirmed().then(() => {
      this.#opening = undefined;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      return this.#send();
    });
    return this.#opening;
  }

  /** Resolves when the server has confirmed or refused each request: it must not get many that it does not confirm. */
  async #allConfirmed(): Promise<void> {
    const listens = [...this.#requests].filter(({ confirmedNotifications }) =>
      confirmedNotifications === undefined
    );
    await Promise.allSettled(listens.map(({ acknowledged }) => acknowledged.promise));
  }

  #send(): Promise<Fields> {
    const peer = this.#peer;
    if (peer === undefined || this.#isClosed) throw new ChannelClosed("The session is closed");
    const { meta, isHttp } = this.#options;
    const listen: ListenRequest = {
      id: undefined,
      startedAt: performance.now(),
      cancellation: new Cancellation(),
      acknowledged: Promise.withResolvers<Fields>(),
      confirmedNotifications: undefined,
    };
    listen.acknowledged.promise.catch(() => {});
    this.#requests.add(listen);
    const notifications = {
      ...this.#listMembers,
      ...(this.#uris.size > 0 && { resourceSubscriptions: [...this.#uris] }),
    };
    const text = `{"notifications":${JSON.stringify(notifications)},"_meta":${meta.write()}}`;
    const params = (id: number): JsonText => {
      listen.id = id;
      return new JsonText(text);
    };
    peer.request(LISTEN, params, {
      signal: listen.cancellation,
      headers: isHttp ? requestHeaders(LISTEN) : undefined,
    }).then((reply) => this.#end(listen, reply), (cause) => this.#end(listen, cause));
    return listen.acknowledged.promise;
  }

  /** Notes that a request for notifications has ended, and asks again later. */
  #end(listen: ListenRequest, outcome: unknown): void {
    if (!this.#requests.delete(listen) || this.#isClosed || outcome instanceof ChannelClosed) {
      return listen.acknowledged.reject(outcome);
    }
    const reply = isRecord(outcome) && "ok" in outcome ? outcome as unknown as Reply : undefined;
    listen.acknowledged.reject(new ListeningRefused(reply));
    if (reply?.ok === false && reply.error.code === RPC_CODES.methodNotFound) {
      this.#refusal = reply;
      return;
    }
    const sendsNothing = listen.confirmedNotifications !== undefined &&
      !sendsAnything(listen.confirmedNotifications);
    if (sendsNothing || this.#requests.size > 0 || !this.#wantsAnything) return;
    if (performance.now() - listen.startedAt >= STABLE_MS) this.#pauseMs = FIRST_PAUSE_MS;
    this.#mayHaveMissed = true;
    this.#timer = setTimeout(() => this.#reopen(), this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LAST_PAUSE_MS);
  }

  /** Reports as changed everything that may have changed while the server sent no notifications. */
  #reportMissed(confirmedNotifications: Fields): void {
    this.#mayHaveMissed = false;
    const { onListsChanged, onResourceUpdated } = this.#options;
    const members = Object.entries(LIST_MEMBERS);
    const lists = members.flatMap(([member, kinds]) =>
      confirmedNotifications[member] === true ? kinds : []
    );
    if (lists.length > 0) onListsChanged(lists);
    for (const uri of this.#uris) {
      onResourceUpdated({ uri, params: new JsonText(JSON.stringify({ uri })) });
    }
  }
}

/** The answer to a subscription. */
const DONE: Reply = { ok: true, result: new Result({ value: {}, body: "{}", bytes: 2 }) };

/** A server ended or refused a request for notifications. */
class ListeningRefused extends Error {
  /** The error for the client. */
  readonly reply: Reply;

  constructor(reply: Reply | undefined) {
    super("The server sends no notifications");
    this.reply = reply?.ok === false
      ? reply
      : createErrorReply(RPC_CODES.internalError, "The server sends no notifications now");
  }
}

function createErrorReply(code: number, message: string): Reply {
  const error = { code, message };
  return { ok: false, error, text: new JsonText(JSON.stringify(error)) };
}

function sendsAnything({ resourceSubscriptions, ...lists }: Fields): boolean {
  return Object.values(lists).includes(true) ||
    (Array.isArray(resourceSubscriptions) && resourceSubscriptions.length > 0);
}
