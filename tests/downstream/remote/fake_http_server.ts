/** An MCP server over HTTP on loopback, whose responses a test can replace with valid or invalid ones. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** A request that the server has received. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  /** The JSON-RPC message in the body; empty if the body is not JSON. */
  readonly message: Message;
}

/** Members of a message; any may be missing. */
export interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
}

/** Answers a request and returns `true`; otherwise the server gives its usual answer. */
export type RequestHandler = (
  received: ReceivedRequest,
  response: ServerResponse,
  request: IncomingMessage,
) => boolean | void;

/** The tools of the server; `read` and `put` are idempotent. */
const TOOLS = [
  { name: "echo", inputSchema: { type: "object" } },
  { name: "read", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
  { name: "put", inputSchema: { type: "object" }, annotations: { idempotentHint: true } },
];

/** An MCP server over streamable HTTP, with sessions. A handler can replace its usual answers. */
export class FakeHttpServer implements AsyncDisposable {
  /** All requests that have been received. */
  readonly requests: ReceivedRequest[] = [];
  /** Open connections. */
  readonly sockets = new Set<Socket>();
  /** Ids of the open sessions. */
  readonly sessionIds = new Set<string>();
  /** Whether the usual answers are event streams. Default: JSON. */
  answersWithStreams = false;
  /** Receives each request first, and may answer it. */
  handler: RequestHandler;
  readonly #server: Server;
  readonly #listening: Promise<void>;
  #sessionCount = 0;

  private constructor(handler: RequestHandler, server: Server, port: number) {
    this.handler = handler;
    this.#server = server;
    server.on("request", (request, response) => void this.#handle(request, response));
    server.on("connection", (socket: Socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
      socket.on("error", () => {});
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#listening = promise;
    server.listen(port, "127.0.0.1", () => resolve());
  }

  /** Starts a server on a port of 127.0.0.1, by default a free one. */
  static async start(
    handler: RequestHandler = () => {},
    server = createServer(),
    port = 0,
  ): Promise<FakeHttpServer> {
    const fake = new FakeHttpServer(handler, server, port);
    await fake.#listening;
    return fake;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  /** Number of requests with a JSON-RPC method. */
  countRequests(method: string): number {
    return this.requests.filter(({ message }) => message.method === method).length;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {});
    let body = "";
    try {
      for await (const chunk of request) body += chunk;
    } catch {
      // The request was aborted.
      return;
    }
    const received: ReceivedRequest = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers as ReceivedRequest["headers"],
      body,
      message: readMessage(body),
    };
    this.requests.push(received);
    if (this.handler(received, response, request) !== true) this.#answerAsUsual(received, response);
  }

  #answerAsUsual({ method, headers, message }: ReceivedRequest, response: ServerResponse): void {
    if (method === "DELETE") return void response.writeHead(200).end();
    if (method !== "POST") return void response.writeHead(405).end();
    const session = headers["mcp-session-id"];
    if (message.method === "initialize") {
      const newSession = `session-${++this.#sessionCount}`;
      this.sessionIds.add(newSession);
      response.setHeader("mcp-session-id", newSession);
    } else if (session === undefined || !this.sessionIds.has(session)) {
      const error = { code: -32001, message: "Session not found" };
      return void sendJson(response, { jsonrpc: "2.0", id: null, error }, 404);
    }
    if (message.id === undefined) return void response.writeHead(202).end();
    const result = resultFor(message);
    if (this.answersWithStreams) sendStream(response, answerText(message, result));
    else sendJson(response, { jsonrpc: "2.0", id: message.id, result });
  }

  /** Ends the server and every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function resultFor({ method, params = {} }: Message): object {
  switch (method) {
    case "initialize": {
      const { protocolVersion } = params;
      const serverInfo = { name: "odd", version: "1" };
      return { protocolVersion, capabilities: { tools: {} }, serverInfo };
    }
    case "tools/list":
      return { tools: TOOLS };
    case "tools/call":
      return { content: [{ type: "text", text: `called ${params.name}` }] };
    default:
      return {};
  }
}

/** Responds with JSON, and returns `true` as a handler does. */
export function sendJson(response: ServerResponse, value: unknown, status = 200): true {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  return true;
}

/** Responds with an event stream that ends after these messages, and returns `true` as a handler does. */
export function sendStream(response: ServerResponse, ...texts: string[]): true {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(texts.map((text) => `event: message\ndata: ${text}\n\n`).join(""));
  return true;
}

/** Returns the JSON text of a successful answer. */
export function answerText({ id }: Message, result: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result });
}

function readMessage(body: string): Message {
  try {
    return JSON.parse(body);
  } catch {
    return {};
  }
}

/** Returns a handler that replaces the answer to tool calls only. */
export function answerCallsWith(
  answer: (response: ServerResponse, id: unknown) => void,
): RequestHandler {
  return ({ message }, response) => {
    if (message.method !== "tools/call") return false;
    answer(response, message.id);
    return true;
  };
}

/** Begins an event stream with these lines, and leaves it open. */
export function startStream(response: ServerResponse, ...lines: string[]): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(lines.map((line) => `${line}\n`).join(""));
}
