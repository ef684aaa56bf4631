/** Servers of both eras with equal tools, over stdio and HTTP; `asking_tools.ts` of the fixtures has the tools. */
import { createServer, type IncomingMessage, type Server as HttpServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createMcpHandler } from "@modelcontextprotocol/server";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Fields } from "../fixtures/servers/asking_tools.ts";
import { createEarlierServer } from "../fixtures/servers/earlier_requests.ts";
import { createStatelessServer } from "../fixtures/servers/stateless_requests.ts";
import { ROOT } from "./gateway_command.ts";

/** Whether a client or server speaks revision 2026-07-28, or only earlier ones. */
export type Era = "earlier" | "stateless";

/** A server of one era. */
export interface EraServer extends AsyncDisposable {
  readonly era: Era;
  readonly transport: "stdio" | "http";
  /** Name of the server, and of its entry of `mcpServers`. */
  readonly name: string;
  /** Its entry of `mcpServers`. */
  readonly entry: Fields;
  /** Returns the journal: `start PID`, `in MESSAGE`, `headers JSON`, and the lines of the tools. */
  readJournal(): string[];
}

/** Returns the steps of a call that changed something, by the `id` among the arguments of the call. */
export function readEffects(server: EraServer, id: string): string[] {
  return server.readJournal().filter((line) => line.startsWith("effect ") && line.endsWith(id));
}

/** Starts the four servers; the journals of those over stdio are in a folder. */
export async function startEraServers(folder: string): Promise<EraServer[]> {
  return [
    describeStdioServer("earlier", folder),
    describeStdioServer("stateless", folder),
    await startEarlierHttpServer("earlier-http"),
    await startStatelessHttpServer("stateless-http"),
  ];
}

const PERMISSIONS = ["--allow-env", "--allow-read", "--allow-write", "--allow-sys"];

/** A server that the gateway starts over stdio. */
export function describeStdioServer(
  era: Era,
  folder: string,
  { name = `${era}-stdio`, flags = [], gateway = {} }: {
    readonly name?: string;
    readonly flags?: readonly string[];
    /** Settings of the gateway for this server. */
    readonly gateway?: Fields;
  } = {},
): EraServer {
  const journal = join(folder, `${name}.journal`);
  Deno.writeTextFileSync(journal, "");
  const program = fileURLToPath(new URL(`../fixtures/servers/${era}_server.ts`, import.meta.url));
  const denoFlags = ["--quiet", "--no-prompt", "--config", join(ROOT, "deno.json"), "--no-lock"];
  const ownFlags = [`--name=${name}`, `--journal=${journal}`, ...flags];
  const args = ["run", ...denoFlags, ...PERMISSIONS, program, ...ownFlags];
  return {
    era,
    transport: "stdio",
    name,
    entry: { command: Deno.execPath(), args, gateway: { ...FORWARD, ...gateway } },
    readJournal: () => Deno.readTextFileSync(journal).split("\n"),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Forwards every kind of question. */
const FORWARD = { forward: ["elicitation", "roots", "sampling"] };

/** Starts a server with version 2 of the SDK; each request has its own instance. */
export async function startStatelessHttpServer(name: string): Promise<EraServer> {
  const journal: string[] = [];
  const handler = createMcpHandler(() => {
    return createStatelessServer({
      name,
      record: (line) => void journal.push(line),
      notifyChanged: (kind) => {
        if (kind === "tools") handler.notify.toolsChanged();
        else if (kind === "prompts") handler.notify.promptsChanged();
        else handler.notify.resourcesChanged();
        return Promise.resolve();
      },
      notifyUpdated: (uri) => Promise.resolve(handler.notify.resourceUpdated(uri)),
    });
  }, { legacy: "reject", keepAliveMs: 0 });
  const http = createServer(async (request, response) => {
    const body = await readBody(request);
    journal.push(`headers ${JSON.stringify(request.headers)}`, `in ${body}`);
    const disconnected = new AbortController();
    const disconnect = () => disconnected.abort();
    request.socket.on("close", disconnect);
    const { status, headers, body: stream } = await handler.fetch(
      new Request("http://localhost/mcp", {
        method: request.method ?? "",
        headers: request.headers as Record<string, string>,
        signal: disconnected.signal,
        ...(body === "" ? {} : { body }),
      }),
    );
    response.writeHead(status, Object.fromEntries(headers));
    for await (const chunk of stream ?? []) response.write(chunk);
    response.end();
    request.socket.off("close", disconnect);
  });
  const url = await listen(http);
  return {
    era: "stateless",
    transport: "http",
    name,
    entry: { url, gateway: FORWARD },
    readJournal: () => journal,
    [Symbol.asyncDispose]: async () => {
      await handler.close();
      await closeServer(http);
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += chunk;
  return body;
}

/** Listens on a free port, and returns the URL. */
async function listen(http: HttpServer): Promise<string> {
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", () => resolve()));
  return `http://127.0.0.1:${(http.address() as { port: number }).port}/mcp`;
}

async function closeServer(http: HttpServer): Promise<void> {
  http.closeAllConnections();
  await new Promise<void>((resolve) => http.close(() => resolve()));
}

/** Starts a server with version 1 of the SDK; each session has its own instance. */
export async function startEarlierHttpServer(name: string): Promise<EraServer> {
  const journal: string[] = [];
  const record = (line: string) => void journal.push(line);
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const servers: Server[] = [];
  const http = createServer(async (request, response) => {
    const body = await readBody(request);
    record(`headers ${JSON.stringify(request.headers)}`);
    record(`in ${body}`);
    const parsed = body === "" ? undefined : JSON.parse(body);
    const opened = transports.get(String(request.headers["mcp-session-id"]));
    if (opened !== undefined) return await opened.handleRequest(request, response, parsed);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id: string) => void transports.set(id, transport),
      onsessionclosed: (id: string) => void transports.delete(id),
    });
    const server = createEarlierServer({ name, record });
    servers.push(server);
    await server.connect(transport as Parameters<Server["connect"]>[0]);
    await transport.handleRequest(request, response, parsed);
  });
  const url = await listen(http);
  return {
    era: "earlier",
    transport: "http",
    name,
    entry: { url, gateway: FORWARD },
    readJournal: () => journal,
    [Symbol.asyncDispose]: async () => {
      for (const server of servers) await server.close();
      await closeServer(http);
    },
  };
}
