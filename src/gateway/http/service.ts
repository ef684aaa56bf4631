import type { Budget } from "../../budget.ts";
import { FileWatch, resolvePath, type Settings } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import { createApp } from "./app.ts";
import type { Authenticator } from "./authentication.ts";
import { type AcceptClient, SessionStore } from "./session_store.ts";
import { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import { Listener } from "./listener.ts";
import { readOpenFileLimit } from "./open_file_limit.ts";
import type { RefusedRequest } from "./refusals.ts";
import { setStoppableInterval } from "./stoppable_interval.ts";
import { type AcceptStatelessClient, StatelessClients } from "./stateless_clients.ts";
import { readCertificate, type TlsFiles } from "./tls_files.ts";

/** Options of the HTTP service. */
export interface ServiceOptions {
  /** The address, the allowed hosts and origins, and session limits. */
  readonly settings: Pick<
    Settings,
    | "host"
    | "port"
    | "allowedHosts"
    | "corsOrigins"
    | "trustedProxies"
    | "tlsCert"
    | "tlsKey"
    | "metricsToken"
    | "maxSessions"
    | "sessionIdleS"
    | "sessionMaxS"
  >;
  /** The supported MCP revisions with sessions, the newest first. */
  readonly revisions: readonly string[];
  /** Authenticates requests. */
  readonly authenticator: Authenticator;
  /** Starts to serve a client with a session. */
  readonly accept: AcceptClient;
  /** Starts to serve a client without a session. */
  readonly acceptStateless: AcceptStatelessClient;
  /** Whether every server that starts with the gateway has answered or failed. */
  readonly isReady: () => boolean;
  /** Returns the metrics in the text format of Prometheus. */
  readonly metrics: () => string;
  /** Called for each refused request. Default: does nothing. */
  readonly onRefused?: (request: RefusedRequest) => void;
  /** Log for the operator. */
  readonly log: Log;
  /** The gateway's memory budget. */
  readonly memory: Budget;
  /** Limits that differ from `HTTP_LIMITS`. */
  readonly limits?: Partial<HttpLimits>;
}

/** Interval of the check for long calls whose responses become streams, in milliseconds. */
const TICK_MS = 250;

/** Interval of the check for expired sessions, in milliseconds. */
const SWEEP_MS = 1000;

/** The HTTP service: a listener, its clients' sessions, and the endpoints for operators. */
export class HttpService {
  /** URL of the MCP endpoint. */
  readonly url: string;
  readonly #listener: Listener;
  readonly #sessions: SessionStore;
  readonly #statelessClients: StatelessClients;
  readonly #watch: FileWatch | undefined;
  readonly #draining: { isOn: boolean };
  readonly #timers: ReturnType<typeof setInterval>[] = [];

  private constructor(
    listener: Listener,
    { sessions, statelessClients, watch, draining, scheme, limits }: {
      sessions: SessionStore;
      statelessClients: StatelessClients;
      watch: FileWatch | undefined;
      draining: { isOn: boolean };
      scheme: string;
      limits: HttpLimits;
    },
  ) {
    this.#listener = listener;
    this.#sessions = sessions;
    this.#statelessClients = statelessClients;
    this.#watch = watch;
    this.#draining = draining;
    const { address, port } = listener.address;
    const host = address.includes(":") ? `[${address}]` : address;
    this.url = `${scheme}://${host}:${port}/mcp`;
    const stores = [sessions, statelessClients];
    const repeat = (action: (store: SessionStore | StatelessClients) => void, ms: number): void =>
      void this.#timers.push(setInterval(() => stores.forEach(action), ms));
    repeat((store) => store.startDueStreams(), Math.min(TICK_MS, limits.streamAfterMs));
    repeat((store) => store.keepStreamsAlive(), limits.streamKeepAliveMs);
    this.#timers.push(setStoppableInterval(SWEEP_MS, (stoppedMs) => {
      for (const store of stores) {
        // The requests that clients have sent meanwhile wait to be read.
        if (stoppedMs > 0) store.skipIdleTime(stoppedMs);
        store.sweep();
      }
    }));
  }

  /**
   * Starts to listen.
   *
   * @throws {Error} If the address is not available, or the certificate cannot be used; the message is
   * for the operator.
   */
  static async open(options: ServiceOptions): Promise<HttpService> {
    const { settings, authenticator, accept, acceptStateless, memory, log } = options;
    const limits = {
      ...HTTP_LIMITS,
      connections: await findConnectionLimit(log),
      ...options.limits,
    };
    const { host, port, tlsCert, tlsKey } = settings;
    const tlsFiles = tlsCert === undefined || tlsKey === undefined
      ? undefined
      : { cert: resolvePath(Deno.cwd(), tlsCert), key: resolvePath(Deno.cwd(), tlsKey) };
    const watch = tlsFiles === undefined ? undefined : new FileWatch([tlsFiles.cert, tlsFiles.key]);
    const certificate = tlsFiles === undefined ? undefined : readCertificate(tlsFiles);
    const draining = { isOn: false };
    const sessions = new SessionStore({
      accept,
      authenticator,
      maxSessions: settings.maxSessions,
      idleMs: settings.sessionIdleS * 1000,
      maxMs: settings.sessionMaxS * 1000,
      memory,
      limits,
    });
    const statelessClients = new StatelessClients({
      accept: acceptStateless,
      authenticator,
      maxClients: settings.maxSessions,
      idleMs: settings.sessionIdleS * 1000,
      limits,
    });
    const onInternalError = (error: unknown): void => {
      const reason = error instanceof Error ? error.stack ?? error.message : String(error);
      log.error("A request failed for a fault of the gateway", { reason });
    };
    const app = createApp({
      ...options,
      sessions,
      statelessClients,
      limits,
      isDraining: () => draining.isOn,
      onInternalError,
    });
    const listener = await Listener.open({
      host,
      port,
      certificate,
      limits,
      trustedProxies: settings.trustedProxies,
      memory,
      paths: new Set(app.routes.map(({ path }) => path)),
      fetch: (request, context) => app.fetch(request, context),
      onInternalError,
      onRefused: options.onRefused ?? (() => {}),
    });
    if (tlsFiles !== undefined) watchCertificate(tlsFiles, { watch, listener, log });
    const scheme = certificate === undefined ? "http" : "https";
    return new HttpService(listener, {
      sessions,
      statelessClients,
      watch,
      draining,
      scheme,
      limits,
    });
  }

  /** Number of open connections. */
  get connectionCount(): number {
    return this.#listener.connectionCount;
  }

  /** Number of sessions. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Number of clients without a session. */
  get statelessClientCount(): number {
    return this.#statelessClients.size;
  }

  /** Refuses new sessions and requests; active calls continue. */
  refuseNewWork(): void {
    this.#draining.isOn = true;
  }

  /** Ends the sessions and requests whose credentials are not valid under the active rules. */
  endInvalidClients(): void {
    this.#sessions.sweep();
    this.#statelessClients.sweep();
  }

  /** Ends all sessions and requests with their streams, and stops listening. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#watch?.stop();
    this.#sessions.close();
    this.#statelessClients.close();
    await this.#listener.close();
  }
}

/** Returns the maximum number of connections: at most half of the files that the gateway may open. */
async function findConnectionLimit(log: Log): Promise<number> {
  const { connections } = HTTP_LIMITS;
  const openFiles = await readOpenFileLimit() ?? Infinity;
  if (openFiles / 2 >= connections) return connections;
  const limit = Math.floor(openFiles / 2);
  log.warn(
    `At most ${limit} connections instead of ${connections}: half of the limit of open files (ulimit -n); raise it`,
    { open_files: openFiles },
  );
  return limit;
}

/**
 * Switches to a changed certificate; if the changed files are invalid, the current certificate stays in
 * use.
 */
function watchCertificate(
  tlsFiles: TlsFiles,
  { watch, listener, log }: {
    watch: FileWatch | undefined;
    listener: Listener;
    log: Log;
  },
): void {
  watch?.start({
    onChange: () => {
      try {
        listener.setCertificate(readCertificate(tlsFiles));
        log.info("The changed certificate is in use");
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.error(`The changed certificate is not used: ${reason}`);
      }
      return Promise.resolve();
    },
  });
}
