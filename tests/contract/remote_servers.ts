/**
 * Scripted servers behind HTTP: in this process, on real sockets. The test's commands to a server
 * and the server's reports bypass the network, so that their order is deterministic.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { openTransport, Processes, type Transport } from "../../src/downstream/mod.ts";
import type { Channel, ChannelHandler } from "../../src/jsonrpc/mod.ts";
import { createLog } from "../../src/log.ts";
import type { TransportUnderTest } from "./scene.ts";
import { type Message, playScript, type Script } from "./scripted_server.ts";

const REPORT = '{"jsonrpc":"2.0","method":"test/saw"';
const COMMAND = '{"jsonrpc":"2.0","method":"test/do"';

/** A server with one session. */
abstract class RemoteServer implements Channel {
  readonly path: string;
  /** Called with each report of the server. */
  onReport: (text: string) => void = () => {};
  readonly #script: Script;
  readonly #responses = new Set<ServerResponse>();
  #handler: ChannelHandler | undefined;
  #hasDied = false;

  constructor(path: string, script: Script) {
    this.path = path;
    this.#script = script;
  }

  start(): void {
    playScript(this, this.#script, { say: () => {}, exit: () => void this.#die() });
  }

  open(handler: ChannelHandler): void {
    this.#handler = handler;
  }

  send(text: string): void {
    if (text.startsWith(REPORT)) this.onReport(text);
    else if (!this.#hasDied) this.carry(text);
  }

  /** Passes a message to the server. */
  take(text: string): void {
    this.#handler?.message(text, text.length);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#responses.add(response);
    response.on("close", () => this.#responses.delete(response));
    if (this.#hasDied) return void request.socket.destroy();
    let body = "";
    for await (const chunk of request) body += chunk;
    this.answer(request, response, body);
  }

  protected abstract answer(request: IncomingMessage, response: ServerResponse, body: string): void;

  /** Sends a message to the gateway. */
  protected abstract carry(text: string): void;

  /** Ends as a process does: connections break after the data that was sent. */
  async #die(): Promise<void> {
    this.#hasDied = true;
    const sent = [...this.#responses].map((response) => {
      return new Promise<void>((resolve) => {
        if (!response.headersSent || response.writableEnded) resolve();
        else response.write(": farewell\n\n", () => resolve());
      });
    });
    await Promise.all(sent);
    for (const response of this.#responses) response.socket?.destroy();
  }
}

/** Streamable HTTP: a stream for each request, and a standalone one. */
class StreamableServer extends RemoteServer {
  readonly #streams = new Map<string, ServerResponse>();
  readonly #unsent: string[] = [];
  #listener: ServerResponse | undefined;

  protected answer(request: IncomingMessage, response: ServerResponse, body: string): void {
    if (request.method === "DELETE") {
      response.writeHead(200).end();
      this.#listener?.end();
      return;
    }
    if (request.method === "GET") {
      startStream(response, { "mcp-session-id": this.path });
      this.#listener = response;
      for (const text of this.#unsent.splice(0)) sendEvent(response, text);
      return;
    }
    const message: Message = JSON.parse(body);
    if (message.id === undefined || message.method === undefined) {
      if (message.method === "notifications/cancelled") {
        this.#end(JSON.stringify(message.params?.requestId));
      }
      this.take(body);
      response.writeHead(202).end();
      return;
    }
    const id = JSON.stringify(message.id);
    startStream(response, { "mcp-session-id": this.path });
    this.#streams.set(id, response);
    response.on("close", () => this.#streams.delete(id));
    this.take(body);
  }

  protected carry(text: string): void {
    const id = answeredId(text);
    const own = id === undefined ? undefined : this.#streams.get(id);
    const stream = own ?? [...this.#streams.values()].at(-1) ?? this.#listener;
    if (stream === undefined) this.#unsent.push(text);
    else sendEvent(stream, text);
    if (own !== undefined) this.#end(id);
  }

  #end(id: string | undefined): void {
    const stream = this.#streams.get(id ?? "");
    this.#streams.delete(id ?? "");
    stream?.end();
  }
}

/** The older transport: one stream for everything. */
class SseServer extends RemoteServer {
  #stream: ServerResponse | undefined;

  protected answer(request: IncomingMessage, response: ServerResponse, body: string): void {
    if (request.method === "GET") {
      startStream(response);
      response.write(`event: endpoint\ndata: ${this.path}?session=1\n\n`);
      this.#stream = response;
      return;
    }
    response.writeHead(202).end("Accepted");
    this.take(body);
  }

  protected carry(text: string): void {
    if (this.#stream !== undefined) sendEvent(this.#stream, text);
  }
}

function startStream(response: ServerResponse, headers: Record<string, string> = {}): void {
  response.writeHead(200, { "content-type": "text/event-stream", ...headers });
  response.flushHeaders();
}

function sendEvent(response: ServerResponse, text: string): void {
  const lines = text.split("\n").map((line) => `data: ${line}\n`).join("");
  response.write(`event: message\n${lines}\n`);
}

/** The id of the request that a message answers. */
function answeredId(text: string): string | undefined {
  try {
    const { id, method } = JSON.parse(text) as Message;
    return method === undefined && id !== undefined ? JSON.stringify(id) : undefined;
  } catch {
    return undefined;
  }
}

/** Scripted servers behind one port, each at a path of its own. */
export class RemoteServers implements TransportUnderTest {
  readonly hearsLastWords = false;
  readonly #kind: "http" | "sse";
  readonly #servers = new Map<string, RemoteServer>();
  readonly #server: Server;
  readonly #listening: Promise<void>;
  #count = 0;

  constructor(kind: "http" | "sse") {
    this.#kind = kind;
    this.#server = createServer((request, response) => {
      const server = this.#servers.get(new URL(request.url ?? "", "http://x").pathname);
      response.on("error", () => {});
      // The server ignores a request that breaks off.
      if (server === undefined) response.writeHead(404).end();
      else server.handle(request, response).catch(() => {});
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#listening = promise;
    this.#server.listen(0, "127.0.0.1", () => resolve());
  }

  connect(script: Script): ReturnType<TransportUnderTest["connect"]> {
    const path = `/${++this.#count}`;
    const server = this.#kind === "http"
      ? new StreamableServer(path, script)
      : new SseServer(path, script);
    this.#servers.set(path, server);
    // The port is known once the server listens.
    return { kind: this.#kind, url: `http://127.0.0.1${path}`, headers: {} };
  }

  async open(
    config: Parameters<TransportUnderTest["open"]>[0],
    options: Parameters<TransportUnderTest["open"]>[1],
  ): Promise<Transport> {
    await this.#listening;
    const { connect } = config;
    if (!("url" in connect)) throw new Error("This is for remote servers");
    const url = new URL(connect.url);
    const server = this.#servers.get(url.pathname);
    if (server === undefined) throw new Error(`There is no server at ${url.pathname}`);
    url.port = String((this.#server.address() as { port: number }).port);
    const processes = new Processes(0, createLog());
    const inner = await openTransport(
      { ...config, connect: { ...connect, url: url.href } },
      { ...options, processes },
    );
    await processes.close();
    server.start();
    return withCommands(inner, server);
  }

  async close(): Promise<void> {
    await this.#listening;
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function withCommands(inner: Transport, server: RemoteServer): Transport {
  const { channel } = inner;
  return {
    channel: {
      open: (handler) => {
        server.onReport = (text) => handler.message(text, text.length);
        channel.open(handler);
      },
      send: (text) => text.startsWith(COMMAND) ? server.take(text) : channel.send(text),
      throttle: (ms) => channel.throttle?.(ms),
      flush: () => channel.flush(),
      close: () => channel.close(),
    },
    setHeaders: (headers) => inner.setHeaders?.(headers),
    readLastOutput: () => inner.readLastOutput(),
    kill: () => inner.kill(),
    end: (gracePeriods) => inner.end(gracePeriods),
  };
}
