import type { Configuration, ServerConfig, Settings } from "../config/mod.ts";
import {
  authorize,
  type Caller,
  DownstreamServer,
  openTransport,
  type Patience,
  Processes,
  type ServerContext,
  type Tool,
} from "../downstream/mod.ts";
import { failFastVariables, isDownloaded } from "../downstream/causes/mod.ts";
import { JsonText, RPC_CODES } from "../jsonrpc/mod.ts";
import type { Log, LogFields } from "../log.ts";
import type { Interrupts } from "./interrupts.ts";
import { VERSION } from "./version.ts";

/** What starting a server showed. */
export interface Probe {
  /** Its entry. */
  readonly config: ServerConfig;
  /** Its tools; absent where it failed. */
  readonly tools?: readonly Tool[];
  /** Why it failed. */
  readonly error?: unknown;
  /** Milliseconds until its tools were listed, or it failed. */
  readonly ms: number;
  /** What it wrote to stdout that is no message; the beginning of each line. */
  readonly noise: readonly string[];
  /** What else is odd about it. */
  readonly oddities: readonly string[];
}

/** How servers are started. */
export interface ProbeOptions {
  /** Flags and variables. */
  readonly settings: Settings;
  /** Takes what servers write to stderr, at debug level. */
  readonly log: Log;
  /** End the wait. */
  readonly interrupts: Interrupts;
}

/** How many servers are downloaded at a time: several fill one cache, and share one connection. */
const MAX_DOWNLOADS = 3;

/**
 * Least time for a server whose program downloads it, such as `npx`, in milliseconds: a download
 * that is ended half-way leaves a broken package in npm's cache.
 */
export const DOWNLOAD_MS = 120_000;

/** What a server gets to end that did no work. */
const PATIENCE: Patience = { inputMs: 500, terminateMs: 1000 };

/** Someone who asks for tools and can do nothing that a server might ask for. */
export const NOBODY: Caller = {
  client: "command",
  agent: "",
  capabilities: {},
  link: {
    request: () => {
      const error = { code: RPC_CODES.methodNotFound, message: "Nobody is there to answer" };
      return Promise.resolve({ ok: false, error, text: new JsonText(JSON.stringify(error)) });
    },
    notify: () => {},
    logLevel: () => undefined,
  },
};

/** Servers that a command starts, on the code that serves agents. `close` leaves no process behind. */
export class Probes {
  /** The servers by name, in the file's order. */
  readonly servers: ReadonlyMap<string, DownstreamServer>;
  readonly #options: ProbeOptions;
  readonly #processes: Processes;
  readonly #noise = new Map<string, string[]>();
  readonly #oddities = new Map<string, string[]>();

  /**
   * Prepares; nothing is started yet.
   *
   * @param configuration Has the servers.
   * @param options See there.
   */
  constructor(configuration: Pick<Configuration, "servers">, options: ProbeOptions) {
    this.#options = options;
    const { settings, log } = options;
    this.#processes = new Processes(settings.maxProcesses, log);
    const context: ServerContext = {
      version: VERSION,
      log: this.#listen(log),
      open: (config, authorization) => {
        return openTransport(config, { log, processes: this.#processes, authorization });
      },
      // A login that is there is used; nobody is asked for one.
      authorize: (config, waiting) => authorize(config, { waiting, isInteractive: false, log }),
    };
    this.servers = new Map(
      [...configuration.servers].map((
        [name, config],
      ) => [name, new DownstreamServer(forDownload(config), context)]),
    );
  }

  /**
   * Starts servers: all at once, but few at a time of those that are downloaded.
   *
   * @param names Which; they are configured.
   * @param onDone Is told of each as it is done.
   */
  async run(names: Iterable<string>, onDone: (probe: Probe) => void = () => {}): Promise<Probe[]> {
    return await this.visit(names, async (name) => {
      const probe = await this.#probe(name);
      onDone(probe);
      return probe;
    });
  }

  /**
   * Does something with each server: all at once, but few at a time of those that are downloaded.
   *
   * @param names Which; they are configured.
   * @param use Uses one of them.
   * @returns What it gave, in the order of the names.
   */
  async visit<T>(names: Iterable<string>, use: (name: string) => Promise<T>): Promise<T[]> {
    const all = [...names];
    const waiting = all.filter((name) => this.isDownloaded(name));
    const results = new Map<string, T>();
    const visit = async (name: string) => void results.set(name, await use(name));
    const downloadNext = async (): Promise<void> => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
        await visit(name);
      }
    };
    await Promise.all([
      ...all.filter((name) => !this.isDownloaded(name)).map(visit),
      ...Array.from({ length: MAX_DOWNLOADS }, downloadNext),
    ]);
    return all.map((name) => results.get(name) as T);
  }

  /** Whether the program of a server downloads it first, where it is not there yet. */
  isDownloaded(name: string): boolean {
    const connect = this.servers.get(name)?.config.connect;
    return connect?.kind === "stdio" && isDownloaded(connect);
  }

  /** Ends all that was started. */
  async close(): Promise<void> {
    await Promise.all([...this.servers.values()].map((server) => server.close(0, PATIENCE)));
    this.#processes.kill();
    await this.#processes.close();
  }

  /** Ends all processes at once, without asking. */
  kill(): void {
    for (const server of this.servers.values()) server.kill();
    this.#processes.kill();
  }

  async #probe(name: string): Promise<Probe> {
    const server = this.servers.get(name);
    if (server === undefined) throw new Error(`There is no server ${name}`);
    const { signal } = this.#options.interrupts;
    signal.throwIfAborted();
    const begun = performance.now();
    const result = await server.listTools(NOBODY, signal).then(
      ({ tools }) => ({ tools }),
      (error: unknown) => ({ error }),
    );
    signal.throwIfAborted();
    return {
      config: server.config,
      ...result,
      ms: performance.now() - begun,
      noise: this.#noise.get(name) ?? [],
      oddities: this.#oddities.get(name) ?? [],
    };
  }

  /** Keeps what is said about a server for its report. */
  #listen(log: Log): Log {
    const keep = (message: string, { server, excerpt }: LogFields = {}): void => {
      const kept = excerpt === undefined ? this.#oddities : this.#noise;
      const name = String(server);
      kept.set(name, [...kept.get(name) ?? [], String(excerpt ?? message)]);
    };
    return { ...log, warn: keep, error: keep };
  }
}

/**
 * A server that is downloaded gets the time for it. A person who asks what is wrong with it does not
 * want to wait until npm gives up on a registry that does not answer.
 */
function forDownload(config: ServerConfig): ServerConfig {
  const { connect, options } = config;
  if (connect.kind !== "stdio" || !isDownloaded(connect)) return config;
  const env = { ...failFastVariables(options.connectTimeoutMs), ...connect.env };
  const connectTimeoutMs = Math.max(options.connectTimeoutMs, DOWNLOAD_MS);
  return { ...config, connect: { ...connect, env }, options: { ...options, connectTimeoutMs } };
}

/** Runs something on servers, and ends them whatever happens. */
export async function withProbes<T>(
  configuration: Pick<Configuration, "servers">,
  options: ProbeOptions,
  use: (probes: Probes) => Promise<T>,
): Promise<T> {
  const probes = new Probes(configuration, options);
  options.interrupts.onSecond = () => probes.kill();
  try {
    return await use(probes);
  } finally {
    await probes.close();
  }
}
