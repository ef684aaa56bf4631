/** Servers on loopback that use version 1 (old) or version 2 (new) of the MCP SDK. */
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
import { startSdkServer } from "./sdk_http.ts";

/** A server with either version of the SDK. */
export interface SdkServer extends AsyncDisposable {
  readonly url: string;
  /** Open sessions. */
  readonly sessions: ReadonlyMap<string, unknown>;
  /** Forgets all sessions, like a restarted server. */
  forgetSessions(): void;
  /** Adds a tool to each session, and notifies its client. */
  changeTools(): Promise<void>;
}

/** The part of the old SDK's tool context that is used here; Deno does not see all of its types. */
interface OldToolContext {
  readonly requestId: string | number;
  sendNotification(notification: { method: string; params: object }): Promise<void>;
  closeSSEStream?(): void;
}

/** Operations that a tool needs, the same for both SDKs. */
interface ToolOperations {
  reportProgress(token: unknown): Promise<void>;
  elicit(message: string): Promise<unknown>;
  /** Ends the stream of the call; the call continues. */
  endStream(): void;
}

const TOOLS = ["progress", "ask", "resumed", "plain"].map(createTool);

/** The tool that a server lists after a change of its tools. */
const ADDED_TOOL = createTool("added");

/** The servers whose tools have changed. */
const changedServers = new WeakSet<OldServer | NewServer>();

const CAPABILITIES = { tools: { listChanged: true }, logging: {} };
const INFO = { name: "sdk", version: "1" };

function createTool(name: string) {
  return { name, inputSchema: { type: "object" as const }, annotations: { title: name } };
}

function listTools(server: OldServer | NewServer) {
  return { tools: changedServers.has(server) ? [...TOOLS, ADDED_TOOL] : TOOLS };
}

/** Adds a tool to a server, and notifies the server's client. */
async function changeTools(server: OldServer | NewServer): Promise<void> {
  changedServers.add(server);
  await server.sendToolListChanged();
}

async function runTool(
  name: string,
  token: unknown,
  operations: ToolOperations,
): Promise<{ content: { type: "text"; text: string }[] }> {
  let text = name;
  if (name === "progress") await operations.reportProgress(token);
  if (name === "ask") text = JSON.stringify(await operations.elicit("Your name?"));
  if (name === "resumed") operations.endStream();
  return { content: [{ type: "text", text }] };
}

/** Stores the events of streams, so that a stream can be resumed. */
class EventStore {
  readonly #events: { id: string; stream: string; message: never }[] = [];

  storeEvent(stream: string, message: unknown): Promise<string> {
    const id = `${stream}/${this.#events.length}`;
    this.#events.push({ id, stream, message: message as never });
    return Promise.resolve(id);
  }

  async replayEventsAfter(
    lastEventId: string,
    { send }: { send: (id: string, message: never) => Promise<void> },
  ): Promise<string> {
    const index = this.#events.findIndex(({ id }) => id === lastEventId);
    const stream = this.#events[index]?.stream ?? "";
    for (const event of this.#events.slice(index + 1)) {
      const isEmpty = Object.keys(event.message).length === 0;
      if (event.stream === stream && !isEmpty) await send(event.id, event.message);
    }
    return stream;
  }
}

function createOldServer(): OldServer {
  const server = new OldServer(INFO, { capabilities: CAPABILITIES });
  server.setRequestHandler(ListToolsRequestSchema, () => listTools(server));
  server.setRequestHandler(
    CallToolRequestSchema,
    async ({ params }: CallToolRequest, extra: OldToolContext) => {
      return await runTool(params.name, params._meta?.progressToken, {
        reportProgress: (token) => {
          const step = { progressToken: token, progress: 1, total: 2 };
          return extra.sendNotification({ method: "notifications/progress", params: step });
        },
        elicit: (message) => {
          const requestedSchema = { type: "object" as const, properties: {} };
          return server.elicitInput({ message, requestedSchema }, {
            relatedRequestId: extra.requestId,
          });
        },
        endStream: () => extra.closeSSEStream?.(),
      });
    },
  );
  return server;
}

function createNewServer(): NewServer {
  const server = new NewServer(INFO, { capabilities: CAPABILITIES });
  server.setRequestHandler("tools/list", () => listTools(server));
  server.setRequestHandler("tools/call", async ({ params }, context) => {
    return await runTool(params.name, params._meta?.progressToken, {
      reportProgress: (token) => {
        const progressToken = token as string;
        const step = { progressToken, progress: 1, total: 2 };
        return context.mcpReq.notify({ method: "notifications/progress", params: step });
      },
      elicit: (message) => {
        const requestedSchema = { type: "object" as const, properties: {} };
        return context.mcpReq.elicitInput({ message, requestedSchema });
      },
      endStream: () => context.http?.closeSSE?.(),
    });
  });
  return server;
}

/** Options of a server. */
export interface SdkOptions {
  /** Whether a new transport of the SDK answers messages of unknown sessions. Default: they get 404. */
  readonly letsSdkRefuse?: boolean;
  /** The certificate of a server that speaks HTTP/2 over TLS. Default: HTTP/1.1 without TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Starts a server with SDK 1 over Streamable HTTP. */
export async function startOldSdk({ letsSdkRefuse = false }: SdkOptions = {}): Promise<SdkServer> {
  const sessions = new Map<
    string,
    { server: OldServer; transport: StreamableHTTPServerTransport }
  >();
  const http = createServer(async (request, response) => {
    const id = request.headers["mcp-session-id"];
    const session = sessions.get(String(id));
    if (session !== undefined) return await session.transport.handleRequest(request, response);
    if (id !== undefined && !letsSdkRefuse) return void response.writeHead(404).end();
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      eventStore: new EventStore(),
      retryInterval: 20,
      onsessioninitialized: (opened: string) => void sessions.set(opened, { server, transport }),
      onsessionclosed: (closed: string) => void sessions.delete(closed),
    });
    const server = createOldServer();
    await server.connect(transport as Parameters<OldServer["connect"]>[0]);
    await transport.handleRequest(request, response);
  });
  return await startSdkServer(
    http,
    sessions,
    "/mcp",
    ({ server }) => changeTools(server),
  );
}

/** Starts a server with SDK 1 over SSE, the older transport. */
export async function startOldSdkSse(): Promise<SdkServer> {
  const sessions = new Map<string, { server: OldServer; transport: SSEServerTransport }>();
  const http = createServer(async (request, response) => {
    const url = new URL(request.url ?? "", "http://localhost");
    if (request.method === "GET" && url.pathname === "/sse") {
      const transport = new SSEServerTransport("/messages", response);
      const server = createOldServer();
      sessions.set(transport.sessionId, { server, transport });
      // The socket reports the end; on a reused connection, Deno does not report it on the response.
      request.socket.on("close", () => sessions.delete(transport.sessionId));
      return await server.connect(transport);
    }
    const session = sessions.get(url.searchParams.get("sessionId") ?? "");
    if (session === undefined) return void response.writeHead(404).end();
    await session.transport.handlePostMessage(request, response);
  });
  return await startSdkServer(
    http,
    sessions,
    "/sse",
    ({ server }) => changeTools(server),
  );
}

/** Starts a server with SDK 2 over Streamable HTTP. */
export async function startNewSdk(
  { letsSdkRefuse = false, tls }: SdkOptions = {},
): Promise<SdkServer> {
  type Session = { server: NewServer; transport: WebStandardStreamableHTTPServerTransport };
  const sessions = new Map<string, Session>();
  const abort = new AbortController();
  const options = { hostname: "127.0.0.1", port: 0, signal: abort.signal, onListen: () => {} };
  const http = Deno.serve({ ...options, ...tls }, async (request) => {
    const id = request.headers.get("mcp-session-id");
    const session = sessions.get(id ?? "");
    if (session !== undefined) return await session.transport.handleRequest(request);
    if (id !== null && !letsSdkRefuse) return new Response(null, { status: 404 });
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      eventStore: new EventStore(),
      retryInterval: 20,
      keepAliveMs: 0,
      onsessioninitialized: (opened) => void sessions.set(opened, { server, transport }),
      onsessionclosed: (closed) => void sessions.delete(closed),
    });
    const server = createNewServer();
    await server.connect(transport);
    return await transport.handleRequest(request);
  });
  return {
    url: `${tls === undefined ? "http://127.0.0.1" : "https://localhost"}:${http.addr.port}/mcp`,
    sessions,
    forgetSessions: () => sessions.clear(),
    changeTools: async () => {
      for (const { server } of sessions.values()) await changeTools(server);
    },
    [Symbol.asyncDispose]: async () => {
      for (const { server } of [...sessions.values()]) await server.close();
      abort.abort();
      await http.finished;
    },
  };
}
