import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Budget } from "../../budget.ts";
import { LONG_BYTES } from "../../long_work.ts";
import { AcceptedCredentials } from "./accepted_credentials.ts";
import { limitChunks } from "./chunk_limit.ts";
import { ClientAddresses, networkOf } from "./client_address.ts";
import { HeldDataLimit } from "./held_data.ts";
import { Connections, socketKey } from "./connections.ts";
import { EVENT_STREAM } from "./event_stream.ts";
import type { HttpLimits } from "./limits.ts";
import { limitPipelining } from "./pipelining.ts";
import { receiveMessage } from "./receive_message.ts";
import type { RefusedRequest } from "./refusals.ts";
import { setStoppableInterval } from "./stoppable_interval.ts";
import { type HttpRequestContext, partyName } from "./request_context.ts";
import { findHeadErrorStatus } from "./request_head.ts";
import { RequestTurns } from "./request_turns.ts";
import { BodyWriter, type WriterContext } from "./body_writer.ts";
import type { Certificate } from "./tls_files.ts";

/** Options of a listener. */
export interface ListenerOptions {
  readonly host: string;
  /** Port, 0 for any free one. */
  readonly port: number;
  /** The TLS certificate; `undefined` for plain HTTP. */
  readonly certificate: Certificate | undefined;
  readonly limits: HttpLimits;
  /** Addresses and networks of the proxies whose `X-Forwarded-For` is trusted. */
  readonly trustedProxies: readonly string[];
  /** The gateway's memory budget. */
  readonly memory: Budget;
  /** The only paths that are answered; they are compared without decoding. */
  readonly paths: ReadonlySet<string>;
  readonly fetch: (request: Request, context: HttpRequestContext) => Response | Promise<Response>;
  readonly onInternalError: (error: unknown) => void;
  /** Called for each response with a status from 400 to 499, and for each with a reason. */
  readonly onRefused: (request: RefusedRequest) => void;
}

/** Headers of every response: no caching, no MIME sniffing, no framing. */
const HEADERS: readonly (readonly [string, string])[] = [
  ["cache-control", "no-store"],
  ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
  ["referrer-policy", "no-referrer"],
  ["x-content-type-options", "nosniff"],
  ["x-frame-options", "DENY"],
];

/** Header of every response over TLS. */
const TLS_HEADER = ["strict-transport-security", "max-age=31536000"] as const;

/** Interval of the check for clients that do not read, in milliseconds. */
const STALL_CHECK_MS = 1000;

/**
 * Listens for HTTP. Uses Node's server, which disconnects clients that send headers or bodies too slowly,
 * and refuses requests that two parsers might read differently. `Deno.serve` has no time limits.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #addresses: ClientAddresses;
  readonly #writerContext: WriterContext;
  readonly #writers = new Set<BodyWriter>();
  readonly #connections: Connections;
  readonly #turns = new RequestTurns();
  readonly #acceptedCredentials = new AcceptedCredentials();
  // By the key of the connection.
  readonly #handshakeTimers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #stallTimer: ReturnType<typeof setInterval>;

  private constructor(server: Server, options: ListenerOptions) {
    this.#server = server;
    this.#options = options;
    const { limits, trustedProxies } = options;
    this.#connections = new Connections(limits.connections);
    this.#addresses = new ClientAddresses(trustedProxies);
    this.#writerContext = {
      limits,
      heldData: new HeldDataLimit(limits.allQueuedBytes),
    };
    this.#stallTimer = setStoppableInterval(STALL_CHECK_MS, (stoppedMs) => {
      for (const writer of this.#writers) {
        if (stoppedMs > 0) writer.restartStallTime();
        else writer.destroyIfStalled();
      }
    });
    server.on("connection", (socket: Socket) => this.#acceptConnection(socket));
    server.on("secureConnection", (socket: Socket) => {
      this.#endHandshake(socketKey(socket));
      this.#limitPipelining(socket);
    });
    server.on("request", (incoming: IncomingMessage, response: ServerResponse) => {
      this.#handleRequest(incoming, response).catch((error) => {
        options.onInternalError(error);
        response.destroy();
      });
    });
  }

  /**
   * Starts to listen.
   *
   * @throws {Error} If the address is not available.
   */
  static async open(options: ListenerOptions): Promise<Listener> {
    const { host, port, certificate, limits } = options;
    const settings = {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(1000, limits.headersMs),
      insecureHTTPParser: false,
      requireHostHeader: true,
    };
    const server: Server = certificate === undefined
      ? (await import("node:http")).createServer(settings)
      : (await import("node:https")).createServer({
        ...settings,
        ...certificate,
        minVersion: "TLSv1.2",
      });
    const listener = new Listener(server, options);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host.replace(/^\[|\]$/g, ""), () => {
          server.off("error", reject);
          resolve();
        });
      });
    } catch (error) {
      clearInterval(listener.#stallTimer);
      throw error;
    }
    server.on("error", options.onInternalError);
    return listener;
  }

  get address(): { readonly address: string; readonly port: number } {
    return this.#server.address() as AddressInfo;
  }

  get connectionCount(): number {
    return this.#connections.count;
  }

  setCertificate(certificate: Certificate): void {
    (this.#server as Server & { setSecureContext(options: Certificate): void })
      .setSecureContext(certificate);
  }

  async close(): Promise<void> {
    clearInterval(this.#stallTimer);
    const serverClosed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    this.#connections.closeAll();
    await serverClosed;
  }

  #acceptConnection(socket: Socket): void {
    this.#connections.add(socket);
    // An error concerns this client only; closing the connection reports it.
    socket.on("error", () => socket.destroy());
    const key = socketKey(socket);
    socket.on("close", () => this.#turns.drop(key));
    if (this.#options.certificate === undefined) return this.#limitPipelining(socket);
    // Under Deno, Node's server waits for a handshake forever.
    const timer = setTimeout(() => socket.destroy(), this.#options.limits.headersMs);
    this.#handshakeTimers.set(key, timer);
    socket.on("close", () => this.#endHandshake(key));
  }

  #limitPipelining(socket: Socket): void {
    const connection = this.#connections.find(socket);
    if (connection === undefined) return;
    const { requestsPerConnection } = this.#options.limits;
    limitPipelining(socket, () => {
      connection.unansweredCount += 1;
      return connection.unansweredCount <= requestsPerConnection;
    });
  }

  #endHandshake(key: string): void {
    clearTimeout(this.#handshakeTimers.get(key));
    this.#handshakeTimers.delete(key);
  }

  async #handleRequest(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { paths, certificate, fetch, memory, onRefused } = this.#options;
    const { method, url = "", headers, rawHeaders, socket } = incoming;
    incoming.on("error", () => {});
    limitChunks(incoming);
    const connection = this.#connections.beginRequest(incoming);
    if (connection !== undefined) {
      response.on("close", () => this.#connections.endRequest(connection));
    }
    const forwardedFor = headers["x-forwarded-for"]?.toString();
    const address = this.#addresses.find(socket.remoteAddress ?? "", forwardedFor);
    const credentialHash = this.#acceptedCredentials.hash(headers.authorization);
    const isMessage = method === "POST" && paths.has(pathOf(url));
    const turn = this.#takeTurn(socket, { address, credentialHash, isMessage });
    // The client may have disconnected while the request waited for its turn.
    if (turn !== true && (!await turn || socket.destroyed)) return;
    const writer = new BodyWriter(response, {
      ...this.#writerContext,
      memory: memory.share(partyName(undefined)),
    });
    this.#writers.add(writer);
    writer.onClose(() => this.#writers.delete(writer));
    for (const [name, value] of HEADERS) response.setHeader(name, value);
    if (certificate !== undefined) response.setHeader(...TLS_HEADER);
    const errorStatus = findHeadErrorStatus(method, rawHeaders) ??
      (paths.has(pathOf(url)) ? undefined : 404);
    if (errorStatus !== undefined) {
      onRefused({ address, status: errorStatus });
      response.writeHead(errorStatus, { "content-length": 0, connection: "close" });
      return writer.end();
    }
    const context: HttpRequestContext = {
      address,
      countConnection: (agent) => {
        this.#acceptedCredentials.add(credentialHash, agent);
        return connection === undefined || this.#connections.countConnection(connection, agent);
      },
      onClose: (listener) => writer.onClose(listener),
      hasSlowReader: () => writer.hasSlowReader,
      receiveMessage: ({ maxBytes, agent }, handle) => {
        return receiveMessage(incoming, {
          maxBytes,
          memory: memory.share(partyName(agent)),
          handle,
        });
      },
    };
    const scheme = certificate === undefined ? "http" : "https";
    const request = new Request(`${scheme}://${headers.host}${url}`, {
      method: method ?? "GET",
      headers: Object.entries(headers).map(([name, value]): [string, string] => {
        return [name, String(value)];
      }),
    });
    const answer = await fetch(request, context);
    const { status } = answer;
    if (status === 401 || status === 403) this.#acceptedCredentials.delete(credentialHash);
    const { refusalReason: reason } = context;
    if (reason !== undefined || (status >= 400 && status < 500)) {
      onRefused({ address, status, reason });
    }
    writer.memory = memory.share(partyName(context.agent));
    await writeResponse(answer, { response, writer });
  }

  /**
   * Waits until it is the request's turn; returns whether the connection is still open. A message whose credential was
   * accepted before does not wait, so that a cancellation is never late. Messages of a busy agent take turns in
   * `longWork` instead.
   */
  #takeTurn(
    socket: Socket,
    { address, credentialHash, isMessage }: {
      readonly address: string;
      readonly credentialHash: string;
      readonly isMessage: boolean;
    },
  ): true | Promise<boolean> {
    const credential = this.#acceptedCredentials.find(credentialHash);
    if (isMessage && credential !== undefined) return true;
    const agent = credential?.agent;
    return this.#turns.take({
      party: agent === undefined ? `network ${networkOf(address)}` : partyName(agent),
      connection: socketKey(socket),
    });
  }
}

async function writeResponse(
  answer: Response,
  { response, writer }: { readonly response: ServerResponse; readonly writer: BodyWriter },
): Promise<void> {
  for (const [name, value] of answer.headers) response.setHeader(name, value);
  response.statusCode = answer.status;
  if (answer.headers.get("content-type") === EVENT_STREAM && answer.body !== null) {
    response.flushHeaders();
    return await writeStream(answer.body, writer);
  }
  if (!response.req.complete && !isShort(response.req)) response.setHeader("connection", "close");
  const bytes = await answer.bytes();
  const isHead = response.req.method === "HEAD";
  if (answer.status !== 204 && !isHead) response.setHeader("content-length", bytes.length);
  writer.write(bytes);
  writer.end();
}

/**
 * Whether a refused body is short, so that the rest of it is read and dropped and the connection can be reused. The
 * rest of a long body is not read: reading it would take more time than anything else that a client without a token
 * can cause.
 */
function isShort({ headers }: IncomingMessage): boolean {
  return Number(headers["content-length"] ?? Infinity) < LONG_BYTES;
}

/** Passes each chunk to the writer immediately; the writer limits the queued data. */
async function writeStream(
  body: ReadableStream<Uint8Array>,
  writer: BodyWriter,
): Promise<void> {
  const reader = body.getReader();
  writer.onClose(() => void reader.cancel());
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return writer.end();
    writer.write(value);
  }
}

function pathOf(url: string): string {
  const queryStart = url.indexOf("?");
  return queryStart < 0 ? url : url.slice(0, queryStart);
}
