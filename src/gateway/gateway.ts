import { AuditLog } from "../audit/mod.ts";
import type { Configuration, Settings } from "../config/mod.ts";
import {
  authorize,
  type ClientConnection,
  type DownstreamServer,
  type GracePeriods,
  openTransport,
  Processes,
  type ServerContext,
} from "../downstream/mod.ts";
import type { Channel } from "../jsonrpc/mod.ts";
import { CallLimits } from "../limits/mod.ts";
import type { Log } from "../log.ts";
import type { Tracer } from "../trace.ts";
import { Metrics, writePrometheus } from "../metrics/mod.ts";
import type { PipelineContext } from "./pipeline.ts";
import type { Records } from "./records.ts";
import { Reloader, type ReloadOptions } from "./reload.ts";
import { ClientSession } from "./session.ts";
import { buildSnapshot, type Snapshot } from "./snapshot.ts";
import { buildStatus } from "./status.ts";
import { type GatewayTool, gatewayTools } from "./tools/mod.ts";

/** Options of a gateway. */
export interface GatewayOptions {
  /** Settings from flags and environment variables. */
  readonly settings: Settings;
  /** The content of the two configuration files. */
  readonly configuration: Configuration;
  /** Path of the audit log that is used if the configured one cannot be written. */
  readonly auditFallback: string;
  /** The gateway's version. */
  readonly version: string;
  /** Starts the spans of operations. */
  readonly tracer: Tracer;
  /** Reads, checks and watches the two files. */
  readonly reload: ReloadOptions;
  /** Log for the operator. */
  readonly log: Log;
}

/** Time that calls get to finish on a server that is no longer configured. */
const LEAVING_MS = 10_000;

/** Grace periods of a server that is no longer configured. */
const LEAVING: GracePeriods = { inputMs: 2000, terminateMs: 2000 };

/** Grace periods of the servers of a client that has disconnected. */
const CLIENT_LEFT: GracePeriods = { inputMs: 500, terminateMs: 500 };

/** Options of `connect`. */
export interface ConnectOptions {
  /** The agent of the client's credential. The process may be bound to an agent too. */
  readonly agent?: string | undefined;
  /** Whether the channel calls `flushRecords` before every write. Default: no. */
  readonly flushesFirst?: boolean;
  /** Called when the client has stopped sending. */
  readonly onClosed: () => void;
}

/** A connected client. */
export interface Connected {
  /** Whether the client has sent `initialize`. */
  readonly isInitialized: boolean;
  /** Stops the servers of this client alone; its next call starts them again. */
  releaseServers(): void;
  /** Cancels the calls of a client that has disconnected, and stops the servers of this client alone. */
  leave(): void;
}

/** Time limits of a shutdown. */
export interface EndOptions {
  /** Time for active calls to be answered, in milliseconds. */
  readonly callsMs: number;
  /** Grace periods of the servers. */
  readonly gracePeriods: GracePeriods;
}

/**
 * A gateway: the active snapshot, the records, and the connected clients. It starts and ends their
 * sessions, and leaves the work to them.
 */
export class Gateway {
  /** The gateway's tools by name. */
  readonly tools: ReadonlyMap<string, GatewayTool>;
  /** Path of the audit log; `undefined` if none could be opened. */
  readonly auditPath: string | undefined;
  readonly #options: GatewayOptions;
  readonly #limits: CallLimits;
  readonly #records: Records;
  readonly #sessions = new Set<ClientSession>();
  readonly #processes: Processes;
  readonly #context: ServerContext;
  readonly #reloader: Reloader;
  // Servers of earlier snapshots that are finishing their calls.
  readonly #leaving = new Map<DownstreamServer, Promise<void>>();
  readonly #onReplaced: (() => void)[] = [];
  #snapshot: Snapshot;

  /**
   * Creates the gateway; starts no server yet.
   */
  constructor(options: GatewayOptions) {
    const { settings, configuration, auditFallback, version, log } = options;
    this.#options = options;
    this.tools = gatewayTools({ debug: settings.debug });
    this.#limits = new CallLimits({ ...settings, log });
    const audit = new AuditLog({ path: settings.auditLog, fallbackPath: auditFallback, log });
    this.auditPath = audit.path;
    const { auditArgs } = settings;
    this.#records = { audit, metrics: new Metrics(), auditArgs };
    this.#processes = new Processes(settings.maxProcesses, log);
    this.#context = {
      version,
      log,
      open: (config, authorization) => {
        return openTransport(config, { log, processes: this.#processes, authorization });
      },
      authorize: (config, pending) => {
        // A caller over HTTP may be on any machine, but the browser would open on this one.
        const isInteractive = settings.transport === "stdio";
        return authorize(config, { pending, isInteractive, log });
      },
    };
    this.#snapshot = buildSnapshot(configuration, this.#context);
    this.#reloader = new Reloader(options.reload, {
      loaded: configuration,
      apply: (next) => this.#replace(next),
      log,
    });
  }

  /** The active configuration. */
  get configuration(): Configuration {
    return this.#snapshot.configuration;
  }

  /**
   * Serves a client.
   *
   * @param channel Carries the client's messages.
   */
  connect(channel: Channel, options: ConnectOptions): Connected {
    const { agent, flushesFirst = false, onClosed } = options;
    const { settings, version, tracer, log } = this.#options;
    const { transport } = settings;
    const bound = boundAgent(settings.agent, agent);
    let context: PipelineContext = {
      snapshot: this.#snapshot,
      identity: { bound, defaultAgent: settings.defaultAgent },
      limits: this.#limits,
      records: { ...this.#records, flushesFirst },
      tracer,
      transport,
      log,
      gateway: this,
    };
    const session = new ClientSession(channel, {
      tools: this.tools,
      version,
      log,
      // Each operation asks for the context, and most get the same one as the last.
      context: () => {
        if (context.snapshot !== this.#snapshot) {
          context = { ...context, snapshot: this.#snapshot };
        }
        return context;
      },
      onInitialized: (connection) => {
        // Not earlier: watching costs 10 ms, and a client first waits for its handshake.
        this.#reloader.start();
        // Over HTTP the servers were started before, once for all clients.
        if (settings.transport === "stdio") void this.#warm(connection);
      },
      onLogLevel: ({ sessionId }, level) => {
        for (const server of this.#snapshot.servers.values()) server.setLogLevel(sessionId, level);
      },
      onRootsChanged: ({ sessionId }) => {
        for (const server of this.#snapshot.servers.values()) server.notifyRootsChanged(sessionId);
      },
      onClosed,
    });
    this.#sessions.add(session);
    const releaseServers = (): void => {
      for (const server of [...this.#snapshot.servers.values(), ...this.#leaving.keys()]) {
        void server.releaseClient(session.id, CLIENT_LEFT);
      }
    };
    return {
      get isInitialized() {
        return session.connection !== undefined;
      },
      releaseServers,
      leave: () => {
        this.#sessions.delete(session);
        void session.end(0);
        releaseServers();
      },
    };
  }

  /**
   * Prepares to serve before the first client connects: watches the files, and starts the servers
   * that do not wait for their first use. Resolves when each of them has answered or failed.
   */
  async open(): Promise<void> {
    this.#reloader.start();
    await this.#warm(undefined);
  }

  /** Registers a listener that is called after every change of the active configuration. */
  onReplaced(listener: () => void): void {
    this.#onReplaced.push(listener);
  }

  /** Returns the metrics in the text format of Prometheus. */
  prometheus(): string {
    return writePrometheus(this.#records.metrics);
  }

  /** Flushes the audit log; no answer may leave before its record is written. */
  flushRecords(): void {
    this.#records.audit.flush();
  }

  /** Returns the gateway's state, for the status tool. */
  status(): Readonly<Record<string, unknown>> {
    return buildStatus({
      snapshot: this.#snapshot,
      metrics: this.#records.metrics,
      audit: this.#records.audit.status(),
      reload: this.#reloader.status(),
    });
  }

  /** Reloads the two files even if they have not changed. */
  reload(): Promise<void> {
    return this.#reloader.reload();
  }

  /** Ends the clients' calls, then the servers, then the records. */
  async end({ callsMs, gracePeriods }: EndOptions): Promise<void> {
    this.#reloader.silence();
    await Promise.all([...this.#sessions].map((session) => session.end(callsMs)));
    const servers = [...this.#snapshot.servers.values(), ...this.#leaving.keys()];
    await Promise.all(servers.map((server) => server.close(0, gracePeriods)));
    // The remaining processes belong to sessions that broke a moment ago; their time is over too.
    this.#processes.kill();
    await this.#processes.close();
    await this.#limits.close();
    await this.#records.audit.close();
    await this.#options.tracer.close();
  }

  /** Kills the servers' processes immediately. */
  kill(): void {
    for (const server of this.#snapshot.servers.values()) server.kill();
    this.#processes.kill();
  }

  /** Activates a configuration. Active calls finish on the snapshot they began with. */
  #replace(configuration: Configuration): void {
    const last = this.#snapshot;
    this.#snapshot = buildSnapshot(configuration, this.#context, last);
    for (const [name, server] of last.servers) {
      if (this.#snapshot.servers.get(name) === server) continue;
      const left = server.close(LEAVING_MS, LEAVING).then(() => void this.#leaving.delete(server));
      this.#leaving.set(server, left);
    }
    if (this.#options.settings.transport === "http") void this.#warm(undefined, last);
    else {
      for (const { connection } of this.#sessions) {
        if (connection !== undefined) void this.#warm(connection, last);
      }
    }
    for (const listener of this.#onReplaced) listener();
  }

  /** Starts all servers in the background, so that the first call does not wait for its server. */
  async #warm(connection: ClientConnection | undefined, last?: Snapshot): Promise<void> {
    if (this.#options.settings.initStrategy === "lazy") return;
    const warming: Promise<void>[] = [];
    for (const [name, server] of this.#snapshot.servers) {
      if (last?.servers.get(name) === server) continue;
      warming.push(server.warm(connection));
      // Starting a process blocks for milliseconds, so other work runs between two starts.
      await new Promise((resolve) => setTimeout(resolve));
    }
    await Promise.all(warming);
  }
}

/** If the process and the credential are bound to different agents, the client has no agent. */
function boundAgent(ofProcess: string | undefined, ofClient: string | undefined) {
  if (ofProcess === undefined || ofClient === undefined) return ofProcess ?? ofClient;
  return ofProcess === ofClient ? ofProcess : "";
}
