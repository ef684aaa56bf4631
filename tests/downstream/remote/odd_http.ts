/** HTTP servers on loopback whose behaviour, valid or not, is defined by the test. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** A received request. */
export interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  /** The message, if the body is one. */
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
export type Answer = (
  asked: Asked,
  response: ServerResponse,
  request: IncomingMessage,
) => boolean | void;

/** The tools of the server; `read` and `put` are idempotent. */
const TOOLS = [
  { name: "echo", inputSchema: { type: "object" } },
  { name: "read", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
  { name: "put", inputSchema: { type: "object" }, annotations: { idempotentHint: true } },
];

/** An MCP server over streamable HTTP, with sessions, whose answers a test can replace. */
export class OddHttp implements AsyncDisposable {
  /** Every request that was read so far. */
  readonly asked: Asked[] = [];
  /** Open connections. */
  readonly sockets = new Set<Socket>();
  /** Open sessions. */
  readonly sessions = new Set<string>();
  /** Whether answers are streams. Default: JSON. */
  streams = false;
  /** Replaces the usual answer. */
  answer: Answer;
  readonly #server: Server;
  readonly #listening: Promise<void>;
  #count = 0;

  private constructor(answer: Answer, server: Server) {
    this.answer = answer;
    this.#server = server;
    server.on("request", (request, response) => void this.#handle(request, response));
    server.on("connection", (socket: Socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
      socket.on("error", () => {});
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#listening = promise;
    server.listen(0, "127.0.0.1", () => resolve());
  }

  /** Starts a server. */
  static async start(answer: Answer = () => {}, server = createServer()): Promise<OddHttp> {
    const odd = new OddHttp(answer, server);
    await odd.#listening;
    return odd;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  /** Number of POST requests for a method. */
  count(method: string): number {
    return this.asked.filter(({ message }) => message.method === method).length;
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
    const asked: Asked = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers as Asked["headers"],
      body,
      message: readMessage(body),
    };
    this.asked.push(asked);
    if (this.answer(asked, response, request) !== true) this.#answerWell(asked, response);
  }

  #answerWell({ method, headers, message }: Asked, response: ServerResponse): void {
    if (method === "DELETE") return void response.writeHead(200).end();
    if (method !== "POST") return void response.writeHead(405).end();
    const session = headers["mcp-session-id"];
    if (message.method === "initialize") {
      const opened = `session-${++this.#count}`;
      this.sessions.add(opened);
      response.setHeader("mcp-session-id", opened);
    } else if (session === undefined || !this.sessions.has(session)) {
      const error = { code: -32001, message: "Session not found" };
      return void sendJson(response, { jsonrpc: "2.0", id: null, error }, 404);
    }
    if (message.id === undefined) return void response.writeHead(202).end();
    const result = resultOf(message);
    if (this.streams) sendStream(response, answerText(message, result));
    else sendJson(response, { jsonrpc: "2.0", id: message.id, result });
  }

  /** Ends the server and every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function resultOf({ method, params = {} }: Message): object {
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

/** Answers with JSON. */
export function sendJson(response: ServerResponse, value: unknown, status = 200): true {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  return true;
}

/** Answers with a stream of these messages, and ends it. */
export function sendStream(response: ServerResponse, ...texts: string[]): true {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(texts.map((text) => `event: message\ndata: ${text}\n\n`).join(""));
  return true;
}

/** Text of a successful answer. */
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

/** Replaces the answer to tool calls only. */
export function forCalls(answer: (response: ServerResponse, id: unknown) => void): Answer {
  return ({ message }, response) => {
    if (message.method !== "tools/call") return false;
    answer(response, message.id);
    return true;
  };
}

/** Answers with the beginning of a stream. */
export function startStream(response: ServerResponse, ...lines: string[]): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(lines.map((line) => `${line}\n`).join(""));
}
