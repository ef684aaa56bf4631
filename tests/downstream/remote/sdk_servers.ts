/** Servers on loopback that use the old or the new MCP SDK. */
import { createServer } from "node:http";
import {
  Server as NewServer,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { Server as OldServer } from "@modelcontextprotocol/sdk/server/index.js";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import {
  type CallToolRequest,
  CallToolRequestSchema,
  ListToolsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { createHttpServer } from "./sdk_http.ts";

/** A server of either SDK. */
export interface SdkServer extends AsyncDisposable {
  readonly url: string;
  /** Open sessions. */
  readonly sessions: ReadonlyMap<string, unknown>;
  /** Forgets all sessions, like a restarted server. */
  forget(): void;
  /** Notifies every client that the tools have changed. */
  notifyChange(): Promise<void>;
}

/** The used part of the old SDK's tool context; Deno loses some of its types. */
interface OldExtra {
  readonly requestId: string | number;
  sendNotification(notification: { method: string; params: object }): Promise<void>;
  closeSSEStream?(): void;
}

/** Operations of a tool, equal for both SDKs. */
interface Tooling {
  progress(token: unknown): Promise<void>;
  ask(message: string): Promise<unknown>;
  /** Ends the stream of the call; the call continues. */
  breakOff(): void;
}

const TOOLS = ["progress", "ask", "resumed", "plain"].map((name) => {
  return { name, inputSchema: { type: "object" as const }, annotations: { title: name } };
});

const CAPABILITIES = { tools: { listChanged: true }, logging: {} };
const INFO = { name: "sdk", version: "1" };

async function runTool(
  name: string,
  token: unknown,
  tooling: Tooling,
): Promise<{ content: { type: "text"; text: string }[] }> {
  let text = name;
  if (name === "progress") await tooling.progress(token);
  if (name === "ask") text = JSON.stringify(await tooling.ask("Your name?"));
  if (name === "resumed") tooling.breakOff();
  return { content: [{ type: "text", text }] };
}

/** Stores events, so that streams can be resumed. */
class Events {
  readonly #events: { id: string; stream: string; message: never }[] = [];

  storeEvent(stream: string, message: unknown): Promise<string> {
    const id = `${stream}/${this.#events.length}`;
    this.#events.push({ id, stream, message: message as never });
    return Promise.resolve(id);
  }

  async replayEventsAfter(
    last: string,
    { send }: { send: (id: string, message: never) => Promise<void> },
  ): Promise<string> {
    const at = this.#events.findIndex(({ id }) => id === last);
    const stream = this.#events[at]?.stream ?? "";
    for (const event of this.#events.slice(at + 1)) {
      const isEmpty = Object.keys(event.message).length === 0;
      if (event.stream === stream && !isEmpty) await send(event.id, event.message);
    }
    return stream;
  }
}

function oldServer(): OldServer {
  const server = new OldServer(INFO, { capabilities: CAPABILITIES });
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: TOOLS }));
  server.setRequestHandler(
    CallToolRequestSchema,
    async ({ params }: CallToolRequest, extra: OldExtra) => {
      return await runTool(params.name, params._meta?.progressToken, {
        progress: (token) => {
          const step = { progressToken: token, progress: 1, total: 2 };
          return extra.sendNotification({ method: "notifications/progress", params: step });
        },
        ask: (message) => {
          const requestedSchema = { type: "object" as const, properties: {} };
          return server.elicitInput({ message, requestedSchema }, {
            relatedRequestId: extra.requestId,
          });
        },
        breakOff: () => extra.closeSSEStream?.(),
      });
    },
  );
  return server;
}

function newServer(): NewServer {
  const server = new NewServer(INFO, { capabilities: CAPABILITIES });
  server.setRequestHandler("tools/list", () => ({ tools: TOOLS }));
  server.setRequestHandler("tools/call", async ({ params }, context) => {
    return await runTool(params.name, params._meta?.progressToken, {
      progress: (token) => {
        const progressToken = token as string;
        const step = { progressToken, progress: 1, total: 2 };
        return context.mcpReq.notify({ method: "notifications/progress", params: step });
      },
      ask: (message) => {
        const requestedSchema = { type: "object" as const, properties: {} };
        return context.mcpReq.elicitInput({ message, requestedSchema });
      },
      breakOff: () => context.http?.closeSSE?.(),
    });
  });
  return server;
}

/** Behaviour of a server for unknown sessions. */
export interface SdkOptions {
  /** Whether the uninitialized transport of the SDK answers. Otherwise the status is 404. */
  readonly leavesUnknown?: boolean;
}

/** Streamable HTTP with the SDK of the first generation. */
export async function startOld({ leavesUnknown = false }: SdkOptions = {}): Promise<SdkServer> {
  const sessions = new Map<
    string,
    { server: OldServer; transport: StreamableHTTPServerTransport }
  >();
  const http = createServer(async (request, response) => {
    const id = request.headers["mcp-session-id"];
    const known = sessions.get(String(id));
    if (known !== undefined) return await known.transport.handleRequest(request, response);
    if (id !== undefined && !leavesUnknown) return void response.writeHead(404).end();
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      eventStore: new Events(),
      retryInterval: 20,
      onsessioninitialized: (opened: string) => void sessions.set(opened, { server, transport }),
      onsessionclosed: (closed: string) => void sessions.delete(closed),
    });
    const server = oldServer();
    await server.connect(transport as Parameters<OldServer["connect"]>[0]);
    await transport.handleRequest(request, response);
  });
  return await createHttpServer(
    http,
    sessions,
    "/mcp",
    ({ server }) => server.sendToolListChanged(),
  );
}

/** The older transport, with the same SDK. */
export async function startOldSse(): Promise<SdkServer> {
  const sessions = new Map<string, { server: OldServer; transport: SSEServerTransport }>();
  const http = createServer(async (request, response) => {
    const url = new URL(request.url ?? "", "http://localhost");
    if (request.method === "GET" && url.pathname === "/sse") {
      const transport = new SSEServerTransport("/messages", response);
      const server = oldServer();
      sessions.set(transport.sessionId, { server, transport });
      // Not on the response: on a reused connection, Deno does not report its end.
      request.socket.on("close", () => sessions.delete(transport.sessionId));
      return await server.connect(transport);
    }
    const known = sessions.get(url.searchParams.get("sessionId") ?? "");
    if (known === undefined) return void response.writeHead(404).end();
    await known.transport.handlePostMessage(request, response);
  });
  return await createHttpServer(
    http,
    sessions,
    "/sse",
    ({ server }) => server.sendToolListChanged(),
  );
}

/** Streamable HTTP with the SDK of the second generation. */
export async function startNew({ leavesUnknown = false }: SdkOptions = {}): Promise<SdkServer> {
  type Session = { server: NewServer; transport: WebStandardStreamableHTTPServerTransport };
  const sessions = new Map<string, Session>();
  const abort = new AbortController();
  const options = { hostname: "127.0.0.1", port: 0, signal: abort.signal, onListen: () => {} };
  const http = Deno.serve(options, async (request) => {
    const id = request.headers.get("mcp-session-id");
    const known = sessions.get(id ?? "");
    if (known !== undefined) return await known.transport.handleRequest(request);
    if (id !== null && !leavesUnknown) return new Response(null, { status: 404 });
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      eventStore: new Events(),
      retryInterval: 20,
      keepAliveMs: 0,
      onsessioninitialized: (opened) => void sessions.set(opened, { server, transport }),
      onsessionclosed: (closed) => void sessions.delete(closed),
    });
    const server = newServer();
    await server.connect(transport);
    return await transport.handleRequest(request);
  });
  return {
    url: `http://127.0.0.1:${http.addr.port}/mcp`,
    sessions,
    forget: () => sessions.clear(),
    notifyChange: async () => {
      for (const { server } of sessions.values()) await server.sendToolListChanged();
    },
    [Symbol.asyncDispose]: async () => {
      for (const { server } of [...sessions.values()]) await server.close();
      abort.abort();
      await http.finished;
    },
  };
}
