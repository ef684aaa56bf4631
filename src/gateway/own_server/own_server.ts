import type { Budget } from "../../budget.ts";
import type { CodeSandboxes } from "../../code/mod.ts";
import type { ServerConfig, Settings } from "../../config/mod.ts";
import type { Channel } from "../../jsonrpc/mod.ts";
import type { Log } from "../../log.ts";
import { OWN_SERVER } from "../../own_server.ts";
import type { Meta } from "../../trace.ts";
import type { ResultStore } from "./results/mod.ts";
import type { OwnCall, OwnServices } from "./tool.ts";

/** The key of `_meta` with the id of the call. The gateway writes it into each call of the own server. */
export const CALL_ID = "agent-mcp-gateway/call";

/** Maximum duration of a call, in milliseconds: a day. Each tool ends earlier by itself, except while it waits for a person. */
const MAX_CALL_MS = 86_400_000;

/** Maximum memory of an agent's results, as a fraction of the agent's memory. */
const RESULTS_FRACTION = 1 / 4;

/** Options of the own server. */
export interface OwnServerOptions
  extends Pick<OwnServices, "approvals">, Pick<Settings, "codeTimeoutMs" | "maxSandboxes"> {
  /** Returns whether several agents use the gateway. */
  readonly hasSeveralAgents: () => boolean;
  /** Folder for results that are too large for an agent and for memory; nothing in it outlives the gateway. */
  readonly resultsFolder: string;
  /** Returns the memory of an agent. */
  readonly memoryOf: (agent: string) => Budget;
  /** The budget that messages to and from code count against. Default: none. */
  readonly memory?: Budget;
  /** The gateway's version. */
  readonly version: string;
  /** Log for the gateway's own errors. */
  readonly log: Log;
}

/** The calls of the own server that have not ended, by their ids. */
export type OwnCalls = ReadonlyMap<string, OwnCall>;

/**
 * The gateway's own server. For the rest of the gateway it is a server in this process, whose tools are loaded with the
 * first connection to it.
 */
export class OwnServer {
  /** Its entry, which is in no file. */
  readonly config: ServerConfig;
  readonly #options: OwnServerOptions;
  readonly #calls = new Map<string, OwnCall>();
  #sandboxes: Promise<CodeSandboxes> | undefined;
  #results: Promise<ResultStore> | undefined;

  /** Prepares the server; loads nothing. */
  constructor(options: OwnServerOptions) {
    this.#options = options;
    this.config = createConfig((channel) => {
      void import("./serving.ts").then(({ serveOwnTools }) => {
        serveOwnTools(channel, {
          ...options,
          sandboxes: this.#loadSandboxes,
          results: this.results,
          calls: this.#calls,
        });
      });
    });
  }

  /** Loads the store of the results that were cut. */
  readonly results = (): Promise<ResultStore> => {
    return this.#results ??= import("./results/mod.ts").then(({ ResultStore }) => {
      const { resultsFolder: folder, memoryOf, log } = this.#options;
      const memoryOfResults = (agent: string) => {
        return memoryOf(agent).share("results", RESULTS_FRACTION);
      };
      return new ResultStore({ folder, memoryOf: memoryOfResults, log });
    });
  };

  /** Starts the process of the first run of code, so that it gets ready while the gateway connects to the server. */
  async prepareCode(): Promise<void> {
    (await this.#loadSandboxes()).prepare();
  }

  /** Drops what is kept for a connection that has ended. */
  endConnection(connectionId: string): void {
    void this.#results?.then((results) => results.endConnection(connectionId));
  }

  /**
   * Begins a call: until the result is disposed of, its tool finds what the pipeline knows of the call.
   *
   * @returns The `_meta` to send to the server with the call.
   */
  begin(call: OwnCall): Disposable & { readonly meta: Meta } {
    // A client cannot refer to a call of another, because the gateway overwrites the client's own value.
    const id = crypto.randomUUID();
    this.#calls.set(id, call);
    return { meta: { [CALL_ID]: id }, [Symbol.dispose]: () => this.#calls.delete(id) };
  }

  /** Ends the processes that run code, and drops the results that are kept. */
  async close(): Promise<void> {
    (await this.#results)?.close();
    await (await this.#sandboxes)?.close();
  }

  readonly #loadSandboxes = (): Promise<CodeSandboxes> => {
    return this.#sandboxes ??= import("../../code/mod.ts").then(({ CodeSandboxes }) => {
      return new CodeSandboxes(this.#options);
    });
  };
}

function createConfig(serve: (channel: Channel) => void): ServerConfig {
  return {
    name: OWN_SERVER,
    description: "Tools of the gateway itself, such as running code that calls other tools",
    publicInfo: { transport: "memory" },
    connection: { kind: "memory", serve },
    options: {
      isolation: "shared",
      idleTimeoutMs: 300_000,
      connectTimeoutMs: 30_000,
      callTimeoutMs: MAX_CALL_MS,
      maxCallMs: MAX_CALL_MS,
      // Calls made by code must not wait for the end of the call in which the code runs.
      maxConcurrency: Number.MAX_SAFE_INTEGER,
      forward: [],
      protocol: "legacy",
      inheritEnv: [],
    },
    secrets: [],
    fingerprint: OWN_SERVER,
  };
}
