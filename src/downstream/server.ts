import type { ServerConfig } from "../config/mod.ts";
import type { CancelSignal } from "../jsonrpc/mod.ts";
import type { PinnedHashes } from "../pins/mod.ts";
import { LoginNeedsCaller, type ServerAuth } from "./authorization.ts";
import { type CallClock, startCallClock } from "./call_clock.ts";
import type { Caller, ClientConnection } from "./caller.ts";
import { type ItemList, type ListKind, type ListOwner, ServerLists } from "./catalog/mod.ts";
import { CircuitBreakers } from "./circuit_breaker.ts";
import { Deadlines } from "./deadlines.ts";
import type { CatalogRecall } from "./catalog_recall.ts";
import { CapabilityKeys } from "./declared_capabilities.ts";
import { KnownRevision } from "./known_revision.ts";
import {
  type CallOptions,
  type CallOutcome,
  type InputNeeded,
  type ItemCall,
  type RequestOutcome,
  rpcErrorOf,
  type SubscriptionCall,
  type ToolCall,
} from "./invocation.ts";
import type { Lease } from "./lease.ts";
import { LeasedOperations } from "./leased_operations.ts";
import { PendingOperations } from "./pending_operations.ts";
import { SessionPool, type SessionRequest } from "./pool.ts";
import { createCatalogRecall, RememberedServer } from "./remembered_server.ts";
import type { ServerInfo } from "./revisions/mod.ts";
import type { ServerContext } from "./server_context.ts";
import { buildServerStatus, ServerHealth, type ServerStatus } from "./server_status.ts";
import { Session } from "./session.ts";
import { SessionCheck } from "./session_check.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { GracePeriods } from "./transports/mod.ts";
import { untilAborted } from "./until_aborted.ts";

/** Options of reading a list. */
export interface ServerListOptions {
  /** The caller, whose client's capabilities are declared to the server. */
  readonly caller: Caller;
  /** Cancels the wait; its reason is thrown. */
  readonly signal: CancelSignal;
  /** Whether a person is asked to log in if the server needs it. Default: yes. */
  readonly offersLogin?: boolean;
}

/** A configured server: its sessions, and what it offers. */
export class DownstreamServer {
  /** Its entry in the configuration. */
  readonly config: ServerConfig;
  /** Its remembered catalogs. */
  readonly remembered: RememberedServer;
  readonly #context: ServerContext;
  readonly #pool: SessionPool;
  readonly #breakers: CircuitBreakers;
  readonly #lists: ServerLists;
  readonly #catalogs: CatalogRecall | undefined;
  readonly #knownRevision: KnownRevision;
  readonly #operations: LeasedOperations;
  readonly #subscriptions: Subscriptions;
  readonly #deadlines = new Deadlines();
  readonly #capabilityKeys: CapabilityKeys;
  readonly #pendingOperations = new PendingOperations();
  readonly #authorization: ServerAuth | undefined;
  readonly #health = new ServerHealth();
  readonly #sessionCheck: SessionCheck;
  #isClosed = false;

  /**
   * Prepares the server; nothing is started yet.
   *
   * @param config Its entry.
   * @param context The context that all servers share.
   */
  constructor(config: ServerConfig, context: ServerContext) {
    this.config = config;
    this.#context = context;
    this.#lists = new ServerLists({
      server: config.name,
      log: context.log,
      recall: (capabilitiesKey) => this.#catalogs?.recall(capabilitiesKey),
      onChanged: (kind, { session }) => {
        context.onListChanged?.(config.name, kind, this.#pool.connectionIdOf(session));
      },
    });
    this.#capabilityKeys = new CapabilityKeys(config.options.forward);
    this.#breakers = new CircuitBreakers(config.name, context.now);
    this.#authorization = context.authorize?.(config, this.#pendingOperations);
    const { isolation, maxConcurrency, idleTimeoutMs } = config.options;
    this.#pool = new SessionPool({
      isolation,
      maxConcurrency,
      idleTimeoutMs,
      hasSeveralAgents: context.hasSeveralAgents ?? (() => false),
      deadlines: this.#deadlines,
      capabilitiesKeyOf: (capabilities) => this.#capabilityKeys.of(capabilities),
      onWithdrawn: (pooled) => this.#subscriptions.renewAll(pooled),
      start: (request, onEnded) => this.#startSession(request, onEnded),
    });
    const shared = { config, lists: this.#lists, capabilityKeys: this.#capabilityKeys };
    this.#knownRevision = new KnownRevision((capabilitiesKey) =>
      this.#catalogs?.recallAndGetHead(capabilitiesKey)
    );
    this.#catalogs = createCatalogRecall(context, {
      ...shared,
      pool: this.#pool,
      probedAt: () => this.#knownRevision.probedAt,
    });
    this.remembered = new RememberedServer({ ...shared, recall: this.#catalogs });
    this.#health.onLoginNeeded = () => void this.#catalogs?.forget();
    this.#sessionCheck = new SessionCheck({
      server: config.name,
      pool: this.#pool,
      health: this.#health,
      // A restarted server may offer something else.
      onLost: (pooled) => this.#lists.forget(pooled),
      drainMs: config.options.maxCallMs,
    });
    this.#operations = new LeasedOperations({
      config,
      pool: this.#pool,
      lists: this.#lists,
      health: this.#health,
      sessionCheck: this.#sessionCheck,
      pendingOperations: this.#authorization === undefined ? undefined : this.#pendingOperations,
      isClosed: () => this.#isClosed,
    });
    this.#subscriptions = new Subscriptions({
      server: config.name,
      pool: this.#pool,
      log: context.log,
      operations: this.#operations,
      startClock: (options, caller) => this.#startClock(options, caller),
      onUpdated: (update, connectionIds) => {
        context.onResourceUpdated?.(config.name, update, connectionIds);
      },
    });
  }

  /**
   * Starts a session and lists the tools, ahead of the first call. Never throws: the first call reports
   * the failure.
   *
   * @param client The client that the session is for; over HTTP there is none yet.
   * @param options `learns`: whether to remember the lists, even if that takes a session without the client; default: no.
   */
  async warm(client?: ClientConnection, options: { learns?: boolean } = {}): Promise<void> {
    if (this.config.unavailable !== undefined || this.#isClosed) return;
    // A call has already started a session.
    if (this.#pool.sessions.length > 0) return;
    const pooled = this.#pool.warm(client);
    try {
      // Until the new list is there, the remembered one is used.
      await this.#catalogs?.recall(pooled.capabilitiesKey);
      await this.#lists.of("tools").refreshList(pooled);
      if (options.learns) void this.#catalogs?.readOrLearn(pooled, client?.capabilities ?? {});
    } catch (error) {
      if (error instanceof LoginNeedsCaller) this.#health.recordFailure(error, undefined);
      const reason = error instanceof Error ? error.message : String(error);
      const { log } = this.#context;
      // A client that leaves before its servers have started is not a problem of the servers.
      if (this.#isClosed) log.debug(reason, { server: this.config.name });
      else if (error instanceof LoginNeedsCaller) log.info(reason);
      else log.warn(reason, { server: this.config.name });
    } finally {
      this.#pool.release(pooled);
    }
  }

  /**
   * Returns a list of the server for the capabilities of this caller's client, cached.
   *
   * @param kind The list.
   * @param options The caller, and whether a person is asked to log in if the server needs it; default: yes.
   * @throws {DownstreamError} if the server is not available.
   */
  async list(kind: ListKind, { caller, signal, ...options }: ServerListOptions): Promise<ItemList> {
    const lists = this.#lists.of(kind);
    const { capabilities } = caller;
    const recalling = this.#catalogs?.use(this.#capabilityKeys.of(capabilities), capabilities);
    if (recalling !== undefined) await untilAborted(recalling, signal);
    const owner = this.#ownerOf(caller);
    const isStale = lists.isStale(owner);
    const knownList = isStale
      ? undefined
      : lists.cachedList(owner) ?? lists.pendingList(owner, signal);
    const requestList = (): Promise<ItemList> => {
      return this.#operations.run(caller, {
        run: (lease) => lease.list(kind, isStale),
        signal,
        ...options,
      });
    };
    // The list is requested in the same tick, so that a reload cannot remove the server first.
    if (knownList === undefined) return await requestList();
    return await knownList ?? await requestList();
  }

  /** Returns a list of the server, if it is known already; starts and requests nothing. */
  knownList(kind: ListKind, caller: Caller): ItemList | undefined {
    return this.#lists.of(kind).cachedList(this.#ownerOf(caller));
  }

  /**
   * Returns whether the server has items of a kind, or completes arguments; starts and requests nothing.
   *
   * @param kind The kind of the items.
   * @param caller The caller, whose client's capabilities are declared to the server.
   * @returns `undefined` while it is not known.
   */
  offers(kind: ListKind | "completions", caller: Caller): boolean | undefined {
    if (this.config.unavailable !== undefined) return false;
    return this.#lists.offers(kind, this.#ownerOf(caller));
  }

  /**
   * Returns the server's description of itself, from the handshake of this caller's session.
   *
   * @param caller The caller.
   * @param signal Cancels the wait; its reason is thrown.
   * @throws {DownstreamError} if the server did not start.
   */
  async getInfo(caller: Caller, signal: CancelSignal): Promise<ServerInfo> {
    return await this.#operations.run(caller, { run: (lease) => lease.ready(), signal });
  }

  /**
   * Calls a tool. The tool list is fetched again before an unknown tool counts as missing.
   *
   * @param call The call.
   * @param caller The caller.
   * @throws {CallerError} `TOOL_CHANGED`, if the tool is not as it was pinned.
   * @throws {DownstreamError} if the server is not available, or takes too long.
   */
  callTool(call: ToolCall, caller: Caller): Promise<CallOutcome> {
    const clock = this.#startClock(call, caller);
    const run = (lease: Lease) => lease.callTool(call, clock);
    return this.#operations.run(caller, { run, signal: clock.signal, rpcErrorOf, clock });
  }

  /**
   * Requests something that the server offers besides tools. Whether the server lists it does not matter.
   *
   * @param call The request.
   * @param caller The caller.
   * @throws {DownstreamError} if the server is not available, or takes too long.
   */
  request(call: ItemCall, caller: Caller): Promise<RequestOutcome | InputNeeded> {
    const clock = this.#startClock(call, caller);
    const run = (lease: Lease) => lease.request(call, clock);
    return this.#operations.run(caller, { run, signal: clock.signal, rpcErrorOf, clock });
  }

  /**
   * Subscribes the caller's connection to a resource. The subscription keeps its session open, and is renewed when the
   * session ends.
   *
   * @throws {CallerError} if the connection has too many subscriptions.
   * @throws {DownstreamError} if the server is not available, or takes too long.
   */
  subscribe(call: SubscriptionCall, caller: Caller): Promise<RequestOutcome> {
    return this.#subscriptions.subscribe(call, caller);
  }

  /**
   * Ends the subscription of the caller's connection to a resource, if there is one.
   *
   * @throws {DownstreamError} if the server is not available, or takes too long.
   */
  unsubscribe(call: SubscriptionCall, caller: Caller): Promise<RequestOutcome> {
    return this.#subscriptions.unsubscribe(call, caller);
  }

  /** Whether the server is pinned. */
  get isPinned(): boolean {
    return this.#lists.isPinned;
  }

  /** Holds back all items that are not as they were pinned. Without pins, holds nothing back. */
  usePins(pins: PinnedHashes | undefined): void {
    if (this.#lists.setPins(pins)) this.#catalogs?.recallAgain();
  }

  /** Ends the sessions of a client that is gone. */
  async releaseClient(connectionId: string, gracePeriods: GracePeriods): Promise<void> {
    this.#subscriptions.release(connectionId);
    await this.#pool.releaseClient(connectionId, gracePeriods);
  }

  /**
   * Ends all sessions, each after its calls.
   *
   * @param drainMs Time for calls to end, in milliseconds.
   * @param gracePeriods Time for processes to end.
   */
  async close(drainMs: number, gracePeriods: GracePeriods): Promise<void> {
    this.#stop();
    await this.#pool.close(drainMs, gracePeriods);
    this.#deadlines.close();
    await this.#authorization?.close();
  }

  /** Kills all processes immediately. */
  kill(): void {
    this.#stop();
    this.#pool.kill();
    this.#deadlines.close();
  }

  /**
   * Returns the server's status.
   *
   * @param agent The agent that reads the status, without the texts of other agents' failures; default: with all texts.
   */
  status(agent?: string): ServerStatus {
    const { unavailable } = this.config;
    return buildServerStatus(this.#pool.sessions, {
      health: this.#health,
      unavailable,
      lists: this.#lists,
      agent,
    });
  }

  /** Notifies the server, on the sessions of a client's connection, that the client's roots have changed. */
  notifyRootsChanged(connectionId: string): void {
    for (const session of this.#pool.sessionsOf(connectionId)) session.notifyRootsChanged();
  }

  /**
   * Sets the least severity of the log messages that the server sends to a client.
   *
   * @param connectionId Id of the client's connection.
   * @param level A log level of MCP.
   */
  setLogLevel(connectionId: string, level: string): void {
    for (const session of this.#pool.sessionsOf(connectionId)) {
      session.clientChanges.setLogLevel(level);
    }
  }

  #startClock(call: CallOptions, { permit }: Caller): CallClock {
    return startCallClock(call, { config: this.config, deadlines: this.#deadlines, permit });
  }

  #stop(): void {
    this.#isClosed = true;
    this.#subscriptions.close();
    this.#catalogs?.close();
  }

  #ownerOf(caller: Caller): ListOwner {
    return {
      session: this.#pool.find(caller)?.session,
      capabilitiesKey: this.#capabilityKeys.of(caller.capabilities),
    };
  }

  #startSession(request: SessionRequest, onEnded: () => void): Session {
    const { capabilities, capabilitiesKey, owner, clientChannel } = request;
    const { version, log, open, pingMs } = this.#context;
    const memory = this.#context.memoryOf?.(this.config.name, owner);
    this.#health.recordStart();
    const session: Session = new Session({
      config: this.config,
      capabilities,
      capabilitiesKey,
      knownRevision: this.#knownRevision,
      clientChannel,
      version,
      log,
      memory,
      open: () => open(this.config, { authorization: this.#authorization, owner, memory }),
      breaker: this.#breakers.of({ agent: owner.agent, capabilitiesKey }),
      ...(pingMs === undefined ? {} : { pingMs }),
      onListsChanged: (kinds) => {
        this.#lists.forgetChanged({ session, capabilitiesKey }, kinds);
        this.#catalogs?.noteChange({ session, capabilitiesKey });
      },
      onResourceUpdated: (update) => this.#subscriptions.passOn(session, update),
      onEnded: (state) => {
        if (state === "broken") {
          this.#health.recordBreak();
          // The server may offer something else after its restart.
          this.#lists.forget({ session, capabilitiesKey });
        }
        onEnded();
      },
    });
    session.ready().then(
      (info) => {
        this.#health.recordHandshake(info.revision, session.connectMs);
        this.#lists.setInfo(capabilitiesKey, info);
        void this.#catalogs?.read({ session, capabilitiesKey });
      },
      (error) => this.#health.recordFailure(error, owner.agent),
    );
    return session;
  }
}
