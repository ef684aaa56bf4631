/** A client of a stateless server over HTTP, which sends single requests and has no session. */
import type { ServerConfig } from "../../../src/config/mod.ts";
import {
  type Authorization,
  openTransport,
  Processes,
  type Transport,
} from "../../../src/downstream/mod.ts";
import { type Payload, Peer, type Reply, type RequestOptions } from "../../../src/jsonrpc/mod.ts";
import { createLog } from "../../../src/log.ts";

/** Options of a peer. */
export interface StatelessPeerOptions {
  readonly authorization?: Authorization;
  /** The headers of the server's entry. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A connection to a server, without a session. */
export class StatelessPeer implements AsyncDisposable {
  /** The notifications that have arrived, as `method` and parameters. */
  readonly notifications: (readonly [string, unknown])[] = [];
  /** Descriptions of received data that was no expected message. */
  readonly noise: string[] = [];
  /** Whether the channel has ended. */
  isClosed = false;
  readonly transport: Transport;
  readonly #peer: Peer;
  readonly #processes: Processes;

  private constructor(transport: Transport, processes: Processes) {
    this.transport = transport;
    this.#processes = processes;
    this.#peer = new Peer(transport.channel, {
      request: (request) => request.failUnknownMethod(),
      notification: (method, params) => void this.notifications.push([method, params]),
      unexpected: (description) => void this.noise.push(description),
      closed: () => this.isClosed = true,
    });
  }

  /** Prepares a connection to a server. */
  static async open(
    url: string,
    { authorization, headers = {} }: StatelessPeerOptions = {},
  ): Promise<StatelessPeer> {
    const log = createLog();
    const processes = new Processes(0, log);
    const config: ServerConfig = {
      name: "files",
      publicInfo: { transport: "http" },
      connection: { kind: "auto", url, headers },
      options: {
        isolation: "agent",
        idleTimeoutMs: 300_000,
        connectTimeoutMs: 2000,
        callTimeoutMs: 2000,
        maxCallMs: 600_000,
        maxConcurrency: 64,
        forward: [],
        inheritEnv: [],
      },
      secrets: [],
      fingerprint: "",
    };
    const transport = await openTransport(config, { log, processes, authorization });
    return new StatelessPeer(transport, processes);
  }

  /** Sends a request with headers of its own. */
  request(method: string, params: Payload = {}, options: RequestOptions = {}): Promise<Reply> {
    const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": method };
    return this.#peer.request(method, params, { headers, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport.end({ afterInputCloseMs: 1000, afterTerminateMs: 1000 });
    this.#processes.close();
  }
}
