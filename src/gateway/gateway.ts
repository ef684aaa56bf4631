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

/** What a gateway is made with. */
export interface GatewayOptions {
  /** Flags and variables. */
  readonly settings: Settings;
  /** The two files. */
  readonly configuration: Configuration;
  /** Where the audit log goes when its own place cannot be written. */
  readonly auditFallback: string;
  /** The gateway's version. */
  readonly version: string;
  /** Begins the traces of operations. */
  readonly tracer: Tracer;
  /** How the two files are read again. */
  readonly reload: ReloadOptions;
  /** Takes what an operator should know. */
  readonly log: Log;
}

/** How long the calls on a server that is no longer configured may take to end. */
const LEAVING_MS = 10_000;

/** What such a server gets to end. */
const LEAVING: GracePeriods = { inputMs: 2000, terminateMs: 2000 };

/** What a client that is gone leaves to its servers. */
const CLIENT_LEFT: GracePeriods = { inputMs: 500, terminateMs: 500 };

/** How a client is served. */
export interface ConnectOptions {
  /** The agent that the client's credential names; the process may be bound to one besides. */
  readonly agent?: string | undefined;
  /** Whether the channel calls `flushRecords` before it writes, each time. Default: no. */
  readonly flushesFirst?: boolean;
  /** The client says nothing any more. */
  readonly onClosed: () => void;
}

/** A client that is being served. */
export interface Connected {
  /** Whether it has introduced itself. */
  readonly isInitialized: boolean;
  /** Ends what was started for the client alone; its next call starts it again. */
  releaseServers(): void;
  /** The client is gone: gives up its calls, and ends what was started for it alone. */
  leave(): void;
}

/** How the end of a gateway goes. */
export interface EndOptions {
  /** What calls under way get to be answered, in milliseconds. */
  readonly callsMs: number;
  /** What servers get to end. */
  readonly patience: GracePeriods;
}

/**
 * One gateway: the snapshot in force, the records, and the clients that are connected. It starts
 * sessions and ends them; what they do is theirs.
 */
export class Gateway {
  /** The gateway's tools by name. */
  readonly tools: ReadonlyMap<string, GatewayTool>;
  /** Where the audit log is; `undefined` where none could be opened. */
  readonly auditPath: string | undefined;
  readonly #options: GatewayOptions;
  readonly #limits: CallLimits;
  readonly #records: Records;
  readonly #sessions = new Set<ClientSession>();
  readonly #processes: Processes;
  readonly #context: ServerContext;
  readonly #reloader: Reloader;
  // Servers of former snapshots that are finishing their calls.
  readonly #leaving = new Map<DownstreamServer, Promise<void>>();
  readonly #onReplaced: (() => void)[] = [];
  #snapshot: Snapshot;

  /**
   * Makes the gateway; no server is started yet.
   *
   * @param options See there.
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
      authorize: (config, waiting) => {
        // Whoever calls over HTTP may sit anywhere; a browser would open here.
        const isInteractive = settings.transport === "stdio";
        return authorize(config, { waiting, isInteractive, log });
      },
    };
    this.#snapshot = buildSnapshot(configuration, this.#context);
    this.#reloader = new Reloader(options.reload, configuration, {
      apply: (next) => this.#replace(next),
      log,
    });
  }

  /** The two files in force. */
  get configuration(): Configuration {
    return this.#snapshot.configuration;
  }

  /**
   * Serves a client.
   *
   * @param channel The way to it.
   * @param options See there.
   */
  connect(channel: Channel, options: ConnectOptions): Connected {
    const { agent, flushesFirst = false, onClosed } = options;
    const { settings, version, tracer, log } = this.#options;
    const transport = settings.transport === "stdio" ? "pipe" : "tcp";
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
      // Each operation asks, and mostly for what the last one had.
      context: () => {
        if (context.snapshot !== this.#snapshot) {
          context = { ...context, snapshot: this.#snapshot };
        }
        return context;
      },
      onInitialized: (connection) => {
        // Not before: watching costs 10 ms, and the first thing a client waits for is its handshake.
        this.#reloader.start();
        // Over HTTP they have been started before, once for all clients.
        if (settings.transport === "stdio") void this.#warm(connection);
      },
      onLogLevel: ({ client }, level) => {
        for (const server of this.#snapshot.servers.values()) server.setLogLevel(client, level);
      },
      onTold: ({ client }, method) => {
        for (const server of this.#snapshot.servers.values()) server.notify(client, method);
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
   * Begins to serve before there is any client: watches the files, and starts the servers unless
   * that is for their first use. Resolves when each of them has answered or failed.
   */
  async open(): Promise<void> {
    this.#reloader.start();
    await this.#warm(undefined);
  }

  /** Has something called whenever another configuration has come into force. */
  onReplaced(listener: () => void): void {
    this.#onReplaced.push(listener);
  }

  /** The figures in the text format of Prometheus. */
  prometheus(): string {
    return writePrometheus(this.#records.metrics);
  }

  /** Puts on record what has been done so far: no answer leaves before that. */
  flushRecords(): void {
    this.#records.audit.flush();
  }

  /** How the gateway stands, for the status tool. */
  status(): Readonly<Record<string, unknown>> {
    return buildStatus({
      snapshot: this.#snapshot,
      metrics: this.#records.metrics,
      audit: this.#records.audit.status(),
      reload: this.#reloader.status(),
    });
  }

  /** Reads the two files again, changed or not. */
  reload(): Promise<void> {
    return this.#reloader.reload();
  }

  /** Ends the clients' calls, then the servers, then the records. */
  async end({ callsMs, patience }: EndOptions): Promise<void> {
    this.#reloader.silence();
    await Promise.all([...this.#sessions].map((session) => session.end(callsMs)));
    const servers = [...this.#snapshot.servers.values(), ...this.#leaving.keys()];
    await Promise.all(servers.map((server) => server.close(0, patience)));
    // What is left belongs to sessions that broke a moment ago; patience is over for it too.
    this.#processes.kill();
    await this.#processes.close();
    await this.#limits.close();
    await this.#records.audit.close();
    await this.#options.tracer.close();
  }

  /** Ends the servers' processes at once, without asking. */
  kill(): void {
    for (const server of this.#snapshot.servers.values()) server.kill();
    this.#processes.kill();
  }

  /** Puts a configuration in force. Calls that are under way end on the snapshot they began with. */
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

  /** Starts all servers in the background, so that the first call need not wait for its own. */
  async #warm(connection: ClientConnection | undefined, last?: Snapshot): Promise<void> {
    if (this.#options.settings.initStrategy === "lazy") return;
    const warming: Promise<void>[] = [];
    for (const [name, server] of this.#snapshot.servers) {
      if (last?.servers.get(name) === server) continue;
      warming.push(server.warm(connection));
      // To start a process takes milliseconds, in which nothing else is done.
      await new Promise((resolve) => setTimeout(resolve));
    }
    await Promise.all(warming);
  }
}

/** Where process and credential stand for different agents, the client stands for nobody. */
function boundAgent(ofProcess: string | undefined, ofClient: string | undefined) {
  if (ofProcess === undefined || ofClient === undefined) return ofProcess ?? ofClient;
  return ofProcess === ofClient ? ofProcess : "";
}
