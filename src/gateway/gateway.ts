import { AuditTrail } from "../audit/mod.ts";
import { Budget } from "../budget.ts";
import type { Approvals } from "../approvals/mod.ts";
import type { Configuration } from "../config/mod.ts";
import {
  type ClientConnection,
  createServerAuth,
  type DownstreamServer,
  type GracePeriods,
  openTransport,
  Processes,
  type ServerStatus,
} from "../downstream/mod.ts";
import type { Channel } from "../jsonrpc/mod.ts";
import { CallLimits } from "../limits/mod.ts";
import { Metrics, writePrometheus } from "../metrics/mod.ts";
import { boundAgent } from "./identification.ts";
import type {
  ConnectOptions,
  EndOptions,
  GatewayOptions,
  SharedClient,
} from "./gateway_options.ts";
import type { ConnectedClient, RecordedRefusal, StatelessClientHandle } from "./http/mod.ts";
import { OwnServer } from "./own_server/mod.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import type { Records } from "./records.ts";
import { Reloader } from "./reload.ts";
import { ClientSession } from "./session.ts";
import { hasDirectTools } from "./shown_tools.ts";
import { buildSnapshot, type Snapshot, type SnapshotContext } from "./snapshot.ts";
import type { StatelessService } from "./stateless/mod.ts";
import { StatelessEndpoint } from "./stateless_endpoint.ts";
import { buildStatus } from "./status.ts";
import { type GatewayTool, gatewayTools } from "./tools/mod.ts";
import { warmServers } from "./warm_servers.ts";

/** Time that calls have to finish on a server that a reload removes or replaces, in milliseconds. */
const REPLACED_SERVER_CALLS_MS = 10_000;

/** Grace periods of a server that a reload removes or replaces. */
const REPLACED_SERVER_GRACE: GracePeriods = { afterInputCloseMs: 2000, afterTerminateMs: 2000 };

/** Grace periods of the servers of a client that has disconnected. */
const DISCONNECTED_CLIENT_GRACE: GracePeriods = { afterInputCloseMs: 500, afterTerminateMs: 500 };

/** A connected client, with a session or without one. */
type ServedClient = ClientSession | StatelessEndpoint;

/**
 * Maximum memory of an agent's sessions with a server, as a fraction of the server's share. With the default
 * `GATEWAY_MAX_HELD`, it is enough for the longest message.
 */
const SESSIONS_FRACTION = 3 / 4;

/** A gateway: the active snapshot, the records, and the sessions of the connected clients, which do the work. */
export class Gateway {
  /** The gateway's tools by name. */
  readonly tools: ReadonlyMap<string, GatewayTool>;
  /** Path of the audit log; `undefined` if none could be opened. */
  readonly auditPath: string | undefined;
  /** The memory that is held for clients and servers. */
  readonly memory: Budget;
  /** Describes the daemon that serves the clients, for the status. */
  describeDaemon: (() => Readonly<Record<string, unknown>>) | undefined;
  readonly #options: GatewayOptions;
  readonly #limits: CallLimits;
  readonly #records: Records;
  readonly #clients = new Set<ServedClient>();
  readonly #processes: Processes;
  readonly #ownServer: OwnServer;
  readonly #context: SnapshotContext;
  readonly #reloader: Reloader;
  // Servers of earlier snapshots that are finishing their calls; each promise resolves when the server is closed.
  readonly #replacedServers = new Map<DownstreamServer, Promise<void>>();
  readonly #configurationListeners: (() => void)[] = [];
  #snapshot: Snapshot;
  #statelessService: Promise<StatelessService> | undefined;
  #approvals: Promise<Approvals> | undefined;
  // Servers wait while the only client does not read; one of several such clients is disconnected instead.
  #onlyChannel: Channel | undefined;

  /** Creates the gateway; starts no server yet. */
  constructor(options: GatewayOptions) {
    const { settings, configuration, auditFallback, version, log } = options;
    this.#options = options;
    this.tools = gatewayTools({ debug: settings.debug });
    this.memory = new Budget(settings.maxHeldMib * 1024 * 1024);
    const { auditArgs, auditRequired, auditKeep: keepDays } = settings;
    const audit = new AuditTrail({
      path: settings.auditLog,
      fallbackPath: auditFallback,
      ...(keepDays === undefined ? {} : { keepDays }),
      log,
    });
    this.auditPath = audit.path;
    this.#records = { audit, metrics: new Metrics(), auditArgs, auditRequired };
    const hasSeveralAgents = (): boolean => {
      return settings.agent === undefined && this.configuration.rules.agents.size > 1;
    };
    this.#limits = new CallLimits({ ...settings, hasSeveralAgents, memory: this.memory, log });
    this.#processes = new Processes(settings.maxProcesses, log, hasSeveralAgents);
    this.#ownServer = new OwnServer({
      ...settings,
      approvals: this.#loadApprovals,
      hasSeveralAgents,
      resultsFolder: options.resultsFolder ?? "",
      memoryOf: (agent) => this.memory.share(`agent ${agent}`),
      memory: this.memory.share("code"),
      version,
      log,
    });
    this.#context = {
      ownServer: this.#ownServer.config,
      version,
      log,
      catalogs: options.catalogs,
      memoryOf: (server, { agent }) => {
        const share = this.memory.share(`server ${server}`);
        // The sessions of one agent must not fill the share, or the server's answers to others would be dropped.
        return hasSeveralAgents()
          ? share.share(agent === undefined ? share.name : `agent ${agent}`, SESSIONS_FRACTION)
          : share;
      },
      hasSeveralAgents,
      open: (config, openOptions) => {
        return openTransport(config, {
          ...openOptions,
          log,
          processes: this.#processes,
          untilClientReads: () => this.#onlyChannel?.untilRead?.(),
        });
      },
      onListChanged: (server, kind, connectionId) => {
        for (const client of this.#clients) {
          const isAffected = connectionId === undefined || connectionId === client.id;
          if (isAffected) client.notifyServerListChanged(server, kind);
        }
      },
      onResourceUpdated: (server, update, connectionIds) => {
        const ids = new Set(connectionIds);
        for (const client of this.#clients) {
          if (ids.has(client.id)) client.notifyUpdated(server, update);
        }
      },
      authorize: (config, pending) => {
        // A caller over HTTP may be on any machine, but the browser would open on this one.
        const isInteractive = settings.transport === "stdio";
        return createServerAuth(config, { pending, isInteractive, log });
      },
    };
    this.#snapshot = buildSnapshot(configuration, this.#context);
    this.#reloader = new Reloader(options.reload, {
      loaded: configuration,
      apply: (next) => this.#activate(next),
      log,
    });
  }

  /** The active configuration. */
  get configuration(): Configuration {
    return this.#snapshot.configuration;
  }

  /** Serves a client, whose messages the channel carries. */
  connect(channel: Channel, options: ConnectOptions): ConnectedClient & SharedClient {
    const { agent } = options;
    const { settings, version, log } = this.#options;
    const bound = boundAgent(settings.agent, agent);
    if (options.isOnlyClient) this.#onlyChannel = channel;
    // No answer may leave before its record is written. A flush before each write serves many answers.
    channel.onBeforeWrite?.(() => this.#records.audit.flush());
    const flushedByChannel = channel.onBeforeWrite !== undefined;
    const session = new ClientSession(channel, {
      tools: this.tools,
      stateless: this.#loadStatelessService,
      version,
      log,
      memory: () => this.memory.share(`agent ${bound ?? ""}`),
      context: this.#createContext(bound, flushedByChannel),
      onInitialized: (connection) => {
        // Watching starts only now, because it takes 10 ms and the client waits for its handshake.
        this.#reloader.start();
        // Over HTTP, `open` has started the servers for all clients.
        if (settings.transport === "stdio") void this.#warm(connection);
      },
      onLogLevel: ({ connectionId }, level) => {
        for (const server of this.#snapshot.servers.values()) {
          server.setLogLevel(connectionId, level);
        }
      },
      onRootsChanged: ({ connectionId }) => {
        for (const server of this.#snapshot.servers.values()) {
          server.notifyRootsChanged(connectionId);
        }
      },
      firstRequestId: options.firstRequestId,
      onClosed: options.onClosed,
    });
    this.#clients.add(session);
    return {
      session,
      get isInitialized() {
        return session.connection !== undefined;
      },
      releaseServers: () => {
        // A client that returns expects its subscriptions.
        if (!session.hasSubscriptions) this.#releaseServers(session);
      },
      disconnect: () => this.#disconnect(session),
    };
  }

  /** Serves a client without a session, whose requests come one by one with the same credential. */
  connectStateless(
    credential: { readonly id: string; readonly agent: string } | undefined,
  ): StatelessClientHandle {
    const { settings, version, log } = this.#options;
    const bound = boundAgent(settings.agent, credential?.agent);
    const endpoint: StatelessEndpoint = new StatelessEndpoint({
      service: this.#loadStatelessService,
      clientKey: credential?.id ?? "anonymous",
      tools: this.tools,
      version,
      log,
      memory: () => this.memory.share(`agent ${bound ?? ""}`),
      context: this.#createContext(bound, false),
      onDisconnect: () => this.#disconnect(endpoint),
    });
    this.#clients.add(endpoint);
    return endpoint;
  }

  /**
   * Prepares the gateway before the first client connects: starts to watch the files, and starts all
   * servers unless they are lazy. Resolves when each server has answered or failed.
   */
  async open(): Promise<void> {
    this.#reloader.start();
    await this.#warm(undefined);
  }

  /** Registers a listener that is called after every change of the active configuration. */
  onConfigurationChange(listener: () => void): void {
    this.#configurationListeners.push(listener);
  }

  /** Adds a refused HTTP request, such as a failed login, to the log of refusals. */
  recordRefusal({ address, operation, code }: RecordedRefusal): void {
    const timestamp = new Date().toISOString();
    const entry = {
      timestamp,
      agent_id: null,
      address,
      operation,
      decision: "DENY",
      code,
    } as const;
    this.#records.audit.addUnidentifiedRefusal(entry);
  }

  /** Returns the metrics in the text format of Prometheus. */
  writeMetrics(): string {
    return writePrometheus(this.#records.metrics);
  }

  /** Returns the gateway's state for an agent, for `get_gateway_status`. */
  status(agent: string): Readonly<Record<string, unknown>> {
    return buildStatus({
      snapshot: this.#snapshot,
      metrics: this.#records.metrics,
      audit: this.#records.audit.status(),
      reload: this.#reloader.status(),
      daemon: this.describeDaemon?.(),
      agent,
    });
  }

  /** Returns the state of each server, with the texts of all agents' failures, for the operator. */
  serverStatuses(): ReadonlyMap<string, ServerStatus> {
    return new Map([...this.#snapshot.servers].map(([name, server]) => [name, server.status()]));
  }

  /** Reloads the two files, whether they have changed or not. */
  reload(): Promise<void> {
    return this.#reloader.reload();
  }

  /** Ends the clients' calls, then the servers, then the records. */
  async end({ callsMs, gracePeriods }: EndOptions): Promise<void> {
    this.#reloader.stop();
    (await this.#statelessService)?.close();
    await Promise.all([...this.#clients].map((client) => client.end(callsMs)));
    const servers = [...this.#snapshot.servers.values(), ...this.#replacedServers.keys()];
    this.#processes.expectClose();
    await Promise.all(servers.map((server) => server.close(0, gracePeriods)));
    // A process may outlive its session for a moment if the session broke.
    this.#processes.kill();
    await this.#processes.close();
    await this.#options.catalogs?.close();
    await this.#ownServer.close();
    await this.#limits.close();
    await this.#records.audit.close();
    await this.#options.tracer.close();
  }

  /** Kills the servers' processes immediately. */
  kill(): void {
    for (const server of this.#snapshot.servers.values()) server.kill();
    void this.#ownServer.close();
    this.#processes.kill();
  }

  /** Activates a configuration. Active calls finish on the snapshot they began with. */
  #activate(configuration: Configuration): void {
    const previous = this.#snapshot;
    this.#snapshot = buildSnapshot(configuration, this.#context, previous);
    // In the next turn of the event loop, the calls that were decided about in this one have begun at their servers.
    for (const [name, server] of previous.servers) {
      if (this.#snapshot.servers.get(name) === server) continue;
      const closing = new Promise((resolve) => setTimeout(resolve))
        .then(() => server.close(REPLACED_SERVER_CALLS_MS, REPLACED_SERVER_GRACE))
        .then(() => void this.#replacedServers.delete(server));
      this.#replacedServers.set(server, closing);
    }
    if (this.#options.settings.transport === "http") void this.#warm(undefined, previous);
    else {
      for (const { connection } of this.#clients) {
        if (connection !== undefined) void this.#warm(connection, previous);
      }
    }
    const { face } = this.#options.settings;
    const mayToolsChange = [previous, this.#snapshot]
      .some((snapshot) => hasDirectTools({ face, snapshot }));
    for (const client of this.#clients) {
      if (mayToolsChange) client.notifyListMayHaveChanged("tools");
      client.notifyListMayHaveChanged("resources");
      client.notifyListMayHaveChanged("prompts");
      client.adaptSubscriptions();
    }
    for (const listener of this.#configurationListeners) listener();
  }

  /** Returns the context of a client's operations, which is created once for each snapshot. */
  #createContext(bound: string | undefined, flushedByChannel: boolean): () => PipelineContext {
    const { settings: { defaultAgent, transport, face, maxNameLength }, tracer, log } =
      this.#options;
    const latest = (): PipelineContext => {
      if (context.snapshot !== this.#snapshot) context = { ...context, snapshot: this.#snapshot };
      return context;
    };
    let context: PipelineContext = {
      snapshot: this.#snapshot,
      latest,
      approvals: this.#loadApprovals,
      ownServer: this.#ownServer,
      identity: { bound, defaultAgent },
      limits: this.#limits,
      records: { ...this.#records, flushedByChannel },
      tracer,
      transport,
      face,
      maxNameLength,
      log,
      gateway: this,
    };
    return latest;
  }

  #disconnect(client: ServedClient): void {
    this.#clients.delete(client);
    void client.end(0);
    this.#ownServer.endConnection(client.id);
    this.#releaseServers(client);
  }

  /** Stops the servers that only this client uses. */
  #releaseServers({ id }: ServedClient): void {
    for (const server of [...this.#snapshot.servers.values(), ...this.#replacedServers.keys()]) {
      void server.releaseClient(id, DISCONNECTED_CLIENT_GRACE);
    }
  }

  readonly #loadStatelessService = (): Promise<StatelessService> => {
    return this.#statelessService ??= import("./stateless/mod.ts").then(({ StatelessService }) => {
      return new StatelessService({ ...this.#options, metrics: this.#records.metrics });
    });
  };

  readonly #loadApprovals = (): Promise<Approvals> => {
    return this.#approvals ??= import("../approvals/mod.ts").then(({ Approvals, Mailbox }) => {
      return new Approvals(new Mailbox(this.#options.approvalsFolder ?? ""));
    });
  };

  #warm(connection: ClientConnection | undefined, previous?: Snapshot): Promise<void> {
    const { settings: { initStrategy }, catalogs } = this.#options;
    return warmServers(this.#snapshot, { connection, previous, initStrategy, catalogs });
  }
}
