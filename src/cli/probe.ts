import {
  type Configuration,
  getStdioConfig,
  type ServerConfig,
  type Settings,
} from "../config/mod.ts";
import {
  type Caller,
  type CatalogStore,
  createServerAuth,
  DownstreamServer,
  type GracePeriods,
  type Item,
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
import { VERSION } from "../version.ts";

/** The result of starting a server. */
export interface Probe {
  readonly config: ServerConfig;
  /** Absent if the start failed. */
  readonly tools?: readonly Tool[];
  /** The other lists; absent if the start failed, or if they were not requested. */
  readonly offered?: OfferedLists;
  readonly error?: unknown;
  /** The MCP revision that the server speaks; absent if the start failed. */
  readonly revision?: string;
  /** Milliseconds until the server's tools were listed or its start failed. */
  readonly ms: number;
  /** Excerpts of the server's output that are not MCP messages. */
  readonly noise: readonly string[];
  /** Other warnings and errors that were logged about the server. */
  readonly warnings: readonly string[];
}

/** The lists of a server except that of its tools; a list is absent if the server could not send it. */
export interface OfferedLists {
  readonly resources?: readonly Item[] | undefined;
  readonly templates?: readonly Item[] | undefined;
  readonly prompts?: readonly Item[] | undefined;
}

/** Options of `ProbedServers`. */
export interface ProbedServersOptions {
  /** Whether resources, templates and prompts are listed, too. Default: no. */
  readonly listsAll?: boolean;
  readonly settings: Settings;
  /** Receives the servers' stderr, at debug level. */
  readonly log: Log;
  readonly interrupts: Interrupts;
  /** Remembers what the servers offer; default: nothing is remembered. */
  readonly catalogs?: CatalogStore;
}

/** Maximum number of concurrent downloads: they share one cache and one connection. */
const MAX_DOWNLOADS = 3;

/**
 * Minimum time limit for the start of a server that `npx` or a similar program may have to download, in
 * milliseconds. The limit is long, because an interrupted download leaves a broken package in npm's cache.
 */
export const DOWNLOAD_MS = 120_000;

/** Grace periods for a server that has done no work. */
const IDLE_GRACE_PERIODS: GracePeriods = { afterInputCloseMs: 500, afterTerminateMs: 1000 };

/** A caller that lists tools and cannot answer a server's requests. */
export const ANONYMOUS_CALLER: Caller = {
  connectionId: "command",
  agent: "",
  capabilities: {},
  channel: {
    relaysInput: false,
    outsideCalls: undefined,
    supports: () => false,
    requestInput: () => Promise.resolve({ kind: "unsupported" }),
    notifyUrlInputDone: () => {},
    log: () => {},
    logLevel: () => undefined,
  },
};

/**
 * Servers that a command starts, through the same code that connects agents to servers. `close` ends
 * every process.
 */
export class ProbedServers {
  /** The servers by name, in the file's order. */
  readonly servers: ReadonlyMap<string, DownstreamServer>;
  readonly #options: ProbedServersOptions;
  readonly #processes: Processes;
  readonly #noise = new Map<string, string[]>();
  readonly #warnings = new Map<string, string[]>();

  /** Creates the servers without starting them. */
  constructor(configuration: Pick<Configuration, "servers">, options: ProbedServersOptions) {
    this.#options = options;
    const { settings, log, catalogs } = options;
    this.#processes = new Processes(settings.maxProcesses, log);
    const context: ServerContext = {
      version: VERSION,
      log: this.#createCollectingLog(log),
      catalogs,
      open: (config, openOptions) => {
        return openTransport(config, { log, processes: this.#processes, ...openOptions });
      },
      // The server gets a stored login; the person is not asked to log in.
      authorize: (config, pending) =>
        createServerAuth(config, { pending, isInteractive: false, log }),
    };
    this.servers = new Map(
      Array.from(configuration.servers, ([name, config]) => {
        // A catalog is remembered for the configuration of its server, which must therefore not change.
        const serverConfig = catalogs === undefined ? configForDownload(config) : config;
        return [name, new DownstreamServer(serverConfig, context)];
      }),
    );
  }

  /**
   * Starts servers concurrently, but at most `MAX_DOWNLOADS` servers that may be downloaded.
   *
   * @param names Names of configured servers.
   * @param onDone Called with each result as soon as it is known.
   */
  async startAll(
    names: Iterable<string>,
    onDone: (probe: Probe) => void = () => {},
  ): Promise<Probe[]> {
    return await this.mapServers(names, async (name) => {
      const probe = await this.#probe(name);
      onDone(probe);
      return probe;
    });
  }

  /**
   * Calls `use` for servers concurrently, but for at most `MAX_DOWNLOADS` servers that may be downloaded.
   *
   * @param names Names of configured servers.
   * @returns The results, in the order of the names.
   */
  async mapServers<T>(names: Iterable<string>, use: (name: string) => Promise<T>): Promise<T[]> {
    const nameList = [...names];
    const downloads = nameList.filter((name) => this.mayDownload(name));
    const results = new Map<string, T>();
    const runOne = async (name: string) => void results.set(name, await use(name));
    const downloadNext = async (): Promise<void> => {
      for (let name = downloads.shift(); name !== undefined; name = downloads.shift()) {
        await runOne(name);
      }
    };
    await Promise.all([
      ...nameList.filter((name) => !this.mayDownload(name)).map(runOne),
      ...Array.from({ length: MAX_DOWNLOADS }, downloadNext),
    ]);
    return nameList.map((name) => results.get(name) as T);
  }

  /** Whether the start of a server may download it first, as `npx` does. */
  mayDownload(name: string): boolean {
    return mayDownload(this.servers.get(name)?.config);
  }

  /** Ends all servers. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.servers.values()].map((server) => server.close(0, IDLE_GRACE_PERIODS)),
    );
    this.#processes.kill();
    await this.#processes.close();
  }

  /** Kills all processes immediately. */
  kill(): void {
    for (const server of this.servers.values()) server.kill();
    this.#processes.kill();
  }

  async #probe(name: string): Promise<Probe> {
    const server = this.servers.get(name);
    if (server === undefined) throw new Error(`There is no server ${name}`);
    const { signal } = this.#options.interrupts;
    signal.throwIfAborted();
    const startedAt = performance.now();
    const result = await server.list("tools", { caller: ANONYMOUS_CALLER, signal }).then(
      ({ items }) => ({ tools: items }),
      (error: unknown) => ({ error }),
    );
    const ms = performance.now() - startedAt;
    const listsAll = this.#options.listsAll === true && "tools" in result;
    const offered = listsAll ? { offered: await this.#listOffered(server) } : {};
    signal.throwIfAborted();
    const { revision } = server.status(ANONYMOUS_CALLER.agent);
    return {
      config: server.config,
      ...result,
      ...(revision !== null && { revision }),
      ...offered,
      ms,
      noise: this.#noise.get(name) ?? [],
      warnings: this.#warnings.get(name) ?? [],
    };
  }

  async #listOffered(server: DownstreamServer): Promise<OfferedLists> {
    const { interrupts: { signal } } = this.#options;
    const list = async (kind: "resources" | "templates" | "prompts") => {
      try {
        return (await server.list(kind, { caller: ANONYMOUS_CALLER, signal })).items;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const { name } = server.config;
        const warning = `it cannot list its ${kind}: ${message}`;
        this.#warnings.set(name, [...this.#warnings.get(name) ?? [], warning]);
        return undefined;
      }
    };
    const [resources, templates, prompts] = await Promise.all([
      list("resources"),
      list("templates"),
      list("prompts"),
    ]);
    return { resources, templates, prompts };
  }

  /** Returns a log that collects the warnings and errors about each server for its report. */
  #createCollectingLog(log: Log): Log {
    const collect = (message: string, { server, excerpt }: LogFields = {}): void => {
      const collected = excerpt === undefined ? this.#warnings : this.#noise;
      const name = String(server);
      collected.set(name, [...collected.get(name) ?? [], String(excerpt ?? message)]);
    };
    return { ...log, warn: collect, error: collect };
  }
}

/**
 * Returns the configuration of a server. For a server that may be downloaded, raises the connect timeout,
 * and sets variables that make npm give up early on a registry that does not answer: a person is waiting.
 */
function configForDownload(config: ServerConfig): ServerConfig {
  const { options } = config;
  const connection = getStdioConfig(config.connection);
  if (connection === undefined || !mayDownload(config)) return config;
  const env = { ...failFastVariables(options.connectTimeoutMs), ...connection.env };
  const connectTimeoutMs = Math.max(options.connectTimeoutMs, DOWNLOAD_MS);
  return {
    ...config,
    connection: { ...connection, env },
    options: { ...options, connectTimeoutMs },
  };
}

function mayDownload(config: ServerConfig | undefined): boolean {
  return config !== undefined && transportKind(config.connection).mayDownload();
}

/** Calls `use` with servers to start, and ends them afterwards, even if it throws. */
export async function withProbedServers<T>(
  { servers, ...options }: ProbedServersOptions & Pick<Configuration, "servers">,
  use: (probedServers: ProbedServers) => Promise<T>,
): Promise<T> {
  const probedServers = new ProbedServers({ servers }, options);
  options.interrupts.onFurtherSignal = () => probedServers.kill();
  try {
    return await use(probedServers);
  } finally {
    await probedServers.close();
  }
}

/** Options of `withStartedServers`. */
export interface StartOptions {
  readonly opened: OpenedConfiguration;
  readonly names: readonly string[];
  /** For the progress. */
  readonly stderr: Output;
  /** Whether resources, templates and prompts are listed, too. Default: no. */
  readonly listsAll?: boolean;
}

/**
 * Starts servers for a command, shows the progress, calls `use`, and ends the servers.
 *
 * @param use Receives the results while the servers run.
 * @throws {Interrupted} if a signal arrived before all servers had ended.
 */
export async function withStartedServers<T>(
  { opened, names, stderr, listsAll = false }: StartOptions,
  use: (
    probes: readonly Probe[],
    probedServers: ProbedServers,
    signal: AbortSignal,
  ) => T | Promise<T>,
): Promise<T> {
  const { settings, configuration: { servers }, log } = opened;
  return await withInterrupts(async (interrupts) => {
    const { signal } = interrupts;
    using progress = new Progress(names, {
      output: stderr,
      signal,
      mayDownload: (name) => mayDownload(servers.get(name)),
    });
    const options = { servers, settings, log, interrupts, listsAll };
    return await withProbedServers(options, async (probedServers) => {
      const probes = await probedServers.startAll(names, ({ config, error, tools, ms }) => {
        const result = error === undefined ? `${tools?.length} tools` : "FAILED";
        progress.finish(config.name, `${result} ${formatSeconds(ms)}`);
      });
      return await use(probes, probedServers, signal);
    });
  });
}
