/**
 * Scripted servers over HTTP, in this process and on real sockets. The test's commands to a server and
 * the server's reports bypass the network, so that their order is deterministic.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { openTransport, Processes, type Transport } from "../../src/downstream/mod.ts";
import type { Channel, ChannelHandler } from "../../src/jsonrpc/mod.ts";
import { createLog } from "../../src/log.ts";
import type { TransportUnderTest } from "./downstream_fixture.ts";
import {
  COMMAND_PREFIX,
  type Message,
  REPORT_PREFIX,
  runScriptedServer,
  type Script,
} from "./scripted_server.ts";

/** A remote server with one session. It is the channel of a scripted server. */
abstract class RemoteServer implements Channel {
  readonly path: string;
  /** Called with each report of the server. */
  onReport: (text: string) => void = () => {};
  readonly #script: Script;
  readonly #responses = new Set<ServerResponse>();
  #handler: ChannelHandler | undefined;
  #hasExited = false;

  constructor(path: string, script: Script) {
    this.path = path;
    this.#script = script;
  }

  start(): void {
    runScriptedServer(this, this.#script, {
      printToStderr: () => {},
      exit: () => void this.#exit(),
    });
  }

  open(handler: ChannelHandler): void {
    this.#handler = handler;
  }

  send(text: string): void {
    if (text.startsWith(REPORT_PREFIX)) this.onReport(text);
    else if (!this.#hasExited) this.sendToGateway(text);
  }

  /** Passes a message to the scripted server. */
  receive(text: string): void {
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
    if (this.#hasExited) return void request.socket.destroy();
    let body = "";
    for await (const chunk of request) body += chunk;
    this.respond(request, response, body);
  }

  protected abstract respond(
    request: IncomingMessage,
    response: ServerResponse,
    body: string,
  ): void;

  /** Sends a message to the gateway. */
  protected abstract sendToGateway(text: string): void;

  /** Breaks all connections once the sent data is written, as the end of a process does. */
  async #exit(): Promise<void> {
    this.#hasExited = true;
    const flushed = [...this.#responses].map((response) => {
      return new Promise<void>((resolve) => {
        if (!response.headersSent || response.writableEnded) resolve();
        else response.write(": the server exits\n\n", () => resolve());
      });
    });
    await Promise.all(flushed);
    for (const response of this.#responses) response.socket?.destroy();
  }
}

/** A server over Streamable HTTP: one stream for each request, and a standalone stream. */
class StreamableServer extends RemoteServer {
  readonly #requestStreams = new Map<string, ServerResponse>();
  readonly #unsent: string[] = [];
  #standaloneStream: ServerResponse | undefined;

  protected respond(request: IncomingMessage, response: ServerResponse, body: string): void {
    if (request.method === "DELETE") {
      response.writeHead(200).end();
      this.#standaloneStream?.end();
      return;
    }
    if (request.method === "GET") {
      startStream(response, { "mcp-session-id": this.path });
      this.#standaloneStream = response;
      for (const text of this.#unsent.splice(0)) sendEvent(response, text);
      return;
    }
    const message: Message = JSON.parse(body);
    if (message.id === undefined || message.method === undefined) {
      if (message.method === "notifications/cancelled") {
        this.#endStream(JSON.stringify(message.params?.requestId));
      }
      this.receive(body);
      response.writeHead(202).end();
      return;
    }
    const id = JSON.stringify(message.id);
    startStream(response, { "mcp-session-id": this.path });
    this.#requestStreams.set(id, response);
    response.on("close", () => this.#requestStreams.delete(id));
    this.receive(body);
  }

  protected sendToGateway(text: string): void {
    const id = readAnsweredId(text);
    const answeredStream = id === undefined ? undefined : this.#requestStreams.get(id);
    const stream = answeredStream ?? [...this.#requestStreams.values()].at(-1) ??
      this.#standaloneStream;
    if (stream === undefined) this.#unsent.push(text);
    else sendEvent(stream, text);
    if (answeredStream !== undefined) this.#endStream(id);
  }

  #endStream(id: string | undefined): void {
    const stream = this.#requestStreams.get(id ?? "");
    this.#requestStreams.delete(id ?? "");
    stream?.end();
  }
}

/** A server over HTTP+SSE: one stream for all messages. */
class SseServer extends RemoteServer {
  #stream: ServerResponse | undefined;

  protected respond(request: IncomingMessage, response: ServerResponse, body: string): void {
    if (request.method === "GET") {
      startStream(response);
      response.write(`event: endpoint\ndata: ${this.path}?session=1\n\n`);
      this.#stream = response;
      return;
    }
    response.writeHead(202).end("Accepted");
    this.receive(body);
  }

  protected sendToGateway(text: string): void {
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

/** Returns the id of the request that a message answers, as JSON. */
function readAnsweredId(text: string): string | undefined {
  try {
    const { id, method } = JSON.parse(text) as Message;
    return method === undefined && id !== undefined ? JSON.stringify(id) : undefined;
  } catch {
    return undefined;
  }
}

/** Scripted servers on one port, each at its own path. */
export class RemoteServers implements TransportUnderTest {
  readonly capturesOutput = false;
  readonly #kind: "http" | "sse";
  readonly #servers = new Map<string, RemoteServer>();
  readonly #httpServer: Server;
  readonly #listening: Promise<void>;
  #serverCount = 0;

  constructor(kind: "http" | "sse") {
    this.#kind = kind;
    this.#httpServer = createServer((request, response) => {
      const server = this.#servers.get(new URL(request.url ?? "", "http://x").pathname);
      response.on("error", () => {});
      if (server === undefined) response.writeHead(404).end();
      // A request that breaks off is ignored.
      else server.handle(request, response).catch(() => {});
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#listening = promise;
    this.#httpServer.listen(0, "127.0.0.1", () => resolve());
  }

  connect(script: Script): ReturnType<TransportUnderTest["connect"]> {
    const path = `/${++this.#serverCount}`;
    const server = this.#kind === "http"
      ? new StreamableServer(path, script)
      : new SseServer(path, script);
    this.#servers.set(path, server);
    // The port is unknown until the server listens; `open` adds it.
    return { kind: this.#kind, url: `http://127.0.0.1${path}`, headers: {} };
  }

  async open(
    config: Parameters<TransportUnderTest["open"]>[0],
    options: Parameters<TransportUnderTest["open"]>[1],
  ): Promise<Transport> {
    await this.#listening;
    const { connection } = config;
    if (!("url" in connection)) throw new Error("Not a remote server");
    const url = new URL(connection.url);
    const server = this.#servers.get(url.pathname);
    if (server === undefined) throw new Error(`No server at ${url.pathname}`);
    url.port = String((this.#httpServer.address() as { port: number }).port);
    const processes = new Processes(0, createLog());
    const transport = await openTransport(
      { ...config, connection: { ...connection, url: url.href } },
      { ...options, processes },
    );
    await processes.close();
    server.start();
    return bypassNetwork(transport, server);
  }

  async close(): Promise<void> {
    await this.#listening;
    this.#httpServer.closeAllConnections();
    await new Promise<void>((resolve) => this.#httpServer.close(() => resolve()));
  }
}

/** Passes commands and reports directly to the receiver, and all other messages through the transport. */
function bypassNetwork(transport: Transport, server: RemoteServer): Transport {
  const { channel } = transport;
  return {
    channel: {
      open: (handler) => {
        server.onReport = (text) => handler.message(text, text.length);
        channel.open(handler);
      },
      send: (text) => text.startsWith(COMMAND_PREFIX) ? server.receive(text) : channel.send(text),
      throttle: (ms) => channel.throttle?.(ms),
      flush: () => channel.flush(),
      close: () => channel.close(),
    },
    setHeaders: (headers) => transport.setHeaders?.(headers),
    readLastOutput: () => transport.readLastOutput(),
    kill: () => transport.kill(),
    end: (gracePeriods) => transport.end(gracePeriods),
  };
}
