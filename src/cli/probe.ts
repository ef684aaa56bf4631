import { type Configuration, processOf, type ServerConfig, type Settings } from "../config/mod.ts";
import {
  authorize,
  type Caller,
  DownstreamServer,
  type GracePeriods,
  openTransport,
  Processes,
  type ServerContext,
  type Tool,
  transportKind,
} from "../downstream/mod.ts";
import { failFastVariables } from "../downstream/causes/mod.ts";
import type { Log, LogFields } from "../log.ts";
import type { Output } from "./command.ts";
import { type Interrupts, withInterrupts } from "./interrupts.ts";
import type { OpenedConfiguration } from "./open_configuration.ts";
import { Progress } from "./progress.ts";
import { formatSeconds } from "./terminal.ts";
import { VERSION } from "./version.ts";

/** The result of starting a server. */
export interface Probe {
  readonly config: ServerConfig;
  /** Absent if it failed. */
  readonly tools?: readonly Tool[];
  readonly error?: unknown;
  /** Milliseconds until its tools were listed, or it failed. */
  readonly ms: number;
  /** Lines on its stdout that are not messages; the beginning of each. */
  readonly noise: readonly string[];
  /** Other warnings about it. */
  readonly oddities: readonly string[];
}

/** Options of `Probes`. */
export interface ProbeOptions {
  readonly settings: Settings;
  /** Gets the servers' stderr, at debug level. */
  readonly log: Log;
  readonly interrupts: Interrupts;
}

/** Maximum number of servers downloaded at a time: they share one cache and one connection. */
const MAX_DOWNLOADS = 3;

/**
 * Minimum time for a server whose program downloads it, such as `npx`, in milliseconds: a download
 * that is ended half-way leaves a broken package in npm's cache.
 */
export const DOWNLOAD_MS = 120_000;

/** Grace periods for a server that has done no work. */
const PATIENCE: GracePeriods = { inputMs: 500, terminateMs: 1000 };

/** A caller that lists tools and cannot answer a server's requests. */
export const NOBODY: Caller = {
  sessionId: "command",
  agent: "",
  capabilities: {},
  channel: {
    supports: () => false,
    requestInput: () => Promise.resolve({ kind: "unsupported" }),
    notifyLinkDone: () => {},
    log: () => {},
    logLevel: () => undefined,
  },
};

/** Servers that a command starts, with the code that serves agents. `close` ends every process. */
export class Probes {
  /** The servers by name, in the file's order. */
  readonly servers: ReadonlyMap<string, DownstreamServer>;
  readonly #options: ProbeOptions;
  readonly #processes: Processes;
  readonly #noise = new Map<string, string[]>();
  readonly #oddities = new Map<string, string[]>();

  /** Starts nothing yet. */
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
      // A stored login is used; the person is not asked for one.
      authorize: (config, pending) => authorize(config, { pending, isInteractive: false, log }),
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
   * @param names Names of configured servers.
   * @param onDone Called for each as it is done.
   */
  async run(names: Iterable<string>, onDone: (probe: Probe) => void = () => {}): Promise<Probe[]> {
    return await this.visit(names, async (name) => {
      const probe = await this.#probe(name);
      onDone(probe);
      return probe;
    });
  }

  /**
   * Uses each server: all at once, but few at a time of those that are downloaded.
   *
   * @param names Names of configured servers.
   * @returns The results, in the order of the names.
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

  /** Whether the program of a server downloads it first, unless it is installed. */
  isDownloaded(name: string): boolean {
    return mayDownload(this.servers.get(name)?.config);
  }

  /** Ends all servers. */
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

  /** Keeps warnings about a server for its report. */
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
 * Gives a server that is downloaded the time for it, and lets npm give up early on a registry that
 * does not answer: a person is waiting.
 */
function forDownload(config: ServerConfig): ServerConfig {
  const { options } = config;
  const connect = processOf(config.connect);
  if (connect === undefined || !mayDownload(config)) return config;
  const env = { ...failFastVariables(options.connectTimeoutMs), ...connect.env };
  const connectTimeoutMs = Math.max(options.connectTimeoutMs, DOWNLOAD_MS);
  return { ...config, connect: { ...connect, env }, options: { ...options, connectTimeoutMs } };
}

function mayDownload(config: ServerConfig | undefined): boolean {
  return config !== undefined && transportKind(config.connect).mayDownload();
}

/** Runs `use` on servers, and then ends them in any case. */
export async function withProbes<T>(
  { servers, ...options }: ProbeOptions & Pick<Configuration, "servers">,
  use: (probes: Probes) => Promise<T>,
): Promise<T> {
  const probes = new Probes({ servers }, options);
  options.interrupts.onSecond = () => probes.kill();
  try {
    return await use(probes);
  } finally {
    await probes.close();
  }
}

/** The servers that a command starts. */
export interface StartOptions {
  readonly opened: OpenedConfiguration;
  readonly names: readonly string[];
  /** For the progress. */
  readonly stderr: Output;
}

/**
 * Starts servers for a command, shows which are awaited, and ends them all.
 *
 * @param use Uses the results while the servers run.
 * @throws {Interrupted} A signal came before all were ended.
 */
export async function withStartedServers<T>(
  { opened, names, stderr }: StartOptions,
  use: (started: readonly Probe[], probes: Probes, signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
  const { settings, configuration: { servers }, log } = opened;
  return await withInterrupts(async (interrupts) => {
    const { signal } = interrupts;
    using progress = new Progress(names, {
      line: stderr,
      signal,
      isDownloaded: (name) => mayDownload(servers.get(name)),
    });
    return await withProbes({ servers, settings, log, interrupts }, async (probes) => {
      const started = await probes.run(names, ({ config, error, tools, ms }) => {
        const how = error === undefined ? `${tools?.length} tools` : "FAILED";
        progress.done(config.name, `${how} ${formatSeconds(ms)}`);
      });
      return await use(started, probes, signal);
    });
  });
}
