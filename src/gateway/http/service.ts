import { FileWatch, type Settings } from "../../config/mod.ts";
import type { Channel } from "../../jsonrpc/mod.ts";
import type { Log } from "../../log.ts";
import { createApp } from "./app.ts";
import type { Authenticator } from "./authentication.ts";
import { HttpSessions, type Served } from "./http_sessions.ts";
import { type HttpLimits, LIMITS } from "./limits.ts";
import { Listener } from "./listener.ts";
import { readCertificate, type TlsFiles } from "./tls_files.ts";

/** What a service works with. */
export interface ServiceOptions {
  /** Where it listens, and for whom. */
  readonly settings: Pick<
    Settings,
    | "host"
    | "port"
    | "allowedHosts"
    | "corsOrigins"
    | "tlsCert"
    | "tlsKey"
    | "metricsToken"
    | "maxSessions"
    | "sessionIdleS"
    | "sessionMaxS"
  >;
  /** Revisions of MCP that are spoken, the newest first. */
  readonly revisions: readonly string[];
  /** Finds out who sends requests. */
  readonly authenticator: Authenticator;
  /** Begins to serve a client. */
  readonly accept: (channel: Channel, agent: string | undefined) => Served;
  /** Whether every server that starts ahead has answered or failed. */
  readonly isReady: () => boolean;
  /** The figures in the text format of Prometheus. */
  readonly metrics: () => string;
  /** Takes what an operator should know. */
  readonly log: Log;
  /** How much it takes; default `LIMITS`. */
  readonly limits?: Partial<HttpLimits>;
}

/** How often streams are begun for calls that are open for long, in milliseconds. */
const TICK_MS = 250;

/** How often sessions whose time or credential is over are ended, in milliseconds. */
const SWEEP_MS = 1000;

/** The HTTP service: a listener, the sessions of its clients, and what an operator asks of it. */
export class HttpService {
  /** The address of its MCP endpoint. */
  readonly url: string;
  readonly #listener: Listener;
  readonly #sessions: HttpSessions;
  readonly #watch: FileWatch | undefined;
  readonly #draining: { isOn: boolean };
  readonly #timers: ReturnType<typeof setInterval>[] = [];

  private constructor(
    listener: Listener,
    sessions: HttpSessions,
    { watch, draining, scheme, limits }: {
      watch: FileWatch | undefined;
      draining: { isOn: boolean };
      scheme: string;
      limits: HttpLimits;
    },
  ) {
    this.#listener = listener;
    this.#sessions = sessions;
    this.#watch = watch;
    this.#draining = draining;
    const { address, port } = listener.address;
    const host = address.includes(":") ? `[${address}]` : address;
    this.url = `${scheme}://${host}:${port}/mcp`;
    this.#timers.push(
      setInterval(
        () => sessions.tick({ keepAlive: false }),
        Math.min(TICK_MS, limits.streamAfterMs),
      ),
      setInterval(() => sessions.tick({ keepAlive: true }), limits.keepStreamMs),
      setInterval(() => sessions.sweep(), SWEEP_MS),
    );
  }

  /**
   * Begins to listen.
   *
   * @param options What the service works with.
   * @throws {Error} where the address cannot be had, or the certificate not be used; its message is
   * for the operator.
   */
  static async open(options: ServiceOptions): Promise<HttpService> {
    const { settings, authenticator, accept, log } = options;
    const limits = { ...LIMITS, ...options.limits };
    const { host, port, tlsCert, tlsKey } = settings;
    const files = tlsCert === undefined || tlsKey === undefined
      ? undefined
      : { cert: absolute(tlsCert), key: absolute(tlsKey) };
    const watch = files === undefined ? undefined : new FileWatch([files.cert, files.key]);
    const certificate = files === undefined ? undefined : readCertificate(files);
    const draining = { isOn: false };
    const sessions = new HttpSessions({
      accept,
      authenticator,
      most: settings.maxSessions,
      idleMs: settings.sessionIdleS * 1000,
      maxMs: settings.sessionMaxS * 1000,
      limits,
    });
    const onFault = (error: unknown): void => {
      const reason = error instanceof Error ? error.stack ?? error.message : String(error);
      log.error("A request failed for a fault of the gateway", { reason });
    };
    const app = createApp({
      ...options,
      sessions,
      limits,
      isDraining: () => draining.isOn,
      onFault,
    });
    const listener = await Listener.open({
      host,
      port,
      certificate,
      limits,
      paths: new Set(app.routes.map(({ path }) => path)),
      fetch: (request, context) => app.fetch(request, context),
      onFault,
    });
    if (files !== undefined) watchCertificate(files, { watch, listener, log });
    const scheme = certificate === undefined ? "http" : "https";
    return new HttpService(listener, sessions, { watch, draining, scheme, limits });
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#listener.connections;
  }

  /** How many sessions there are. */
  get sessions(): number {
    return this.#sessions.count;
  }

  /** Takes no new work; calls that are under way go on. */
  drain(): void {
    this.#draining.isOn = true;
  }

  /** The credentials may be others now: ends the sessions of those that are good no longer. */
  recheck(): void {
    this.#sessions.sweep();
  }

  /** Ends all sessions with their streams, and listens no longer. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#watch?.stop();
    this.#sessions.close();
    await this.#listener.close();
  }
}

/** Shows a renewed certificate; where the files are no good, the one that is shown stays. */
function watchCertificate(
  files: TlsFiles,
  { watch, listener, log }: {
    watch: FileWatch | undefined;
    listener: Listener;
    log: Log;
  },
): void {
  watch?.start({
    onChange: () => {
      try {
        listener.setCertificate(readCertificate(files));
        log.info("The changed certificate is in use");
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.error(`The changed certificate is not used: ${reason}`);
      }
      return Promise.resolve();
    },
  });
}

function absolute(path: string): string {
  return path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path) ? path : `${Deno.cwd()}/${path}`;
}
