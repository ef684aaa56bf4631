import { AuditLog } from "../audit/mod.ts";
import type { Configuration, Settings } from "../config/mod.ts";
import {
  type ClientConnection,
  openTransport,
  type Patience,
  Processes,
} from "../downstream/mod.ts";
import type { Channel } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import { Metrics } from "../metrics/mod.ts";
import type { Records } from "./records.ts";
import { ClientSession } from "./session.ts";
import { buildSnapshot, type Snapshot } from "./snapshot.ts";
import { readStatus } from "./status.ts";
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
  /** Takes what an operator should know. */
  readonly log: Log;
}

/** How the end of a gateway goes. */
export interface EndOptions {
  /** What calls under way get to be answered, in milliseconds. */
  readonly callsMs: number;
  /** What servers get to end. */
  readonly patience: Patience;
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
  readonly #records: Records;
  readonly #sessions = new Set<ClientSession>();
  readonly #loadedAt = new Date().toISOString();
  readonly #snapshot: Snapshot;
  readonly #processes: Processes;

  /**
   * Makes the gateway; no server is started yet.
   *
   * @param options See there.
   */
  constructor(options: GatewayOptions) {
    const { settings, configuration, auditFallback, version, log } = options;
    this.#options = options;
    this.tools = gatewayTools({ debug: settings.debug });
    const audit = new AuditLog({ path: settings.auditLog, fallbackPath: auditFallback, log });
    this.auditPath = audit.path;
    this.#records = { audit, metrics: new Metrics() };
    this.#processes = new Processes(settings.maxProcesses, log);
    this.#snapshot = buildSnapshot(configuration, {
      version,
      log,
      open: (config) => openTransport(config, { log, processes: this.#processes }),
    });
  }

  /**
   * Serves a client.
   *
   * @param channel The way to it.
   * @param onClosed The client says nothing any more.
   */
  connect(channel: Channel, onClosed: () => void): void {
    const { settings, version, log } = this.#options;
    const session = new ClientSession(channel, {
      tools: this.tools,
      version,
      log,
      surroundings: () => ({
        snapshot: this.#snapshot,
        identity: { bound: settings.agent, defaultAgent: settings.defaultAgent },
        records: this.#records,
        log,
        gateway: this,
      }),
      onInitialized: (connection) => this.#warm(connection),
      onLogLevel: ({ client }, level) => {
        for (const server of this.#snapshot.servers.values()) server.setLogLevel(client, level);
      },
      onTold: ({ client }, method) => {
        for (const server of this.#snapshot.servers.values()) server.tell(client, method);
      },
      onClosed,
    });
    this.#sessions.add(session);
  }

  /** How the gateway stands, for the status tool. */
  status(): Readonly<Record<string, unknown>> {
    return readStatus({
      snapshot: this.#snapshot,
      metrics: this.#records.metrics,
      loadedAt: this.#loadedAt,
    });
  }

  /** Ends the clients' calls, then the servers, then the records. */
  async end({ callsMs, patience }: EndOptions): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.end(callsMs)));
    const servers = [...this.#snapshot.servers.values()];
    await Promise.all(servers.map((server) => server.close(0, patience)));
    // What is left belongs to sessions that broke a moment ago; patience is over for it too.
    this.#processes.kill();
    await this.#processes.close();
    this.#records.audit.close();
  }

  /** Ends the servers' processes at once, without asking. */
  kill(): void {
    for (const server of this.#snapshot.servers.values()) server.kill();
    this.#processes.kill();
  }

  /** Starts all servers in the background, so that the first call need not wait for its own. */
  #warm(connection: ClientConnection): void {
    if (this.#options.settings.initStrategy === "lazy") return;
    for (const server of this.#snapshot.servers.values()) {
      void server.warm(connection);
    }
  }
}
