/** Servers of both eras with equal tools, over stdio and HTTP; `asking_tools.ts` of the fixtures has the tools. */
import { createServer } from "node:http";
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
    startStatelessHttpServer("stateless-http"),
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
export function startStatelessHttpServer(name: string): EraServer {
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
  const abort = new AbortController();
  const http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: abort.signal, onListen: () => {} },
    async ({ url, method, headers, body: stream, signal }) => {
      const body = await new Response(stream).text();
      journal.push(`headers ${JSON.stringify(Object.fromEntries(headers))}`, `in ${body}`);
      // The signal also aborts after a response that was delivered, which cancels nothing any more.
      const withBody = body === "" ? {} : { body };
      return await handler.fetch(new Request(url, { method, headers, signal, ...withBody }));
    },
  );
  return {
    era: "stateless",
    transport: "http",
    name,
    entry: { url: `http://127.0.0.1:${http.addr.port}/mcp`, gateway: FORWARD },
    readJournal: () => journal,
    [Symbol.asyncDispose]: async () => {
      await handler.close();
      abort.abort();
      await http.finished;
    },
  };
}

/** Starts a server with version 1 of the SDK; each session has its own instance. */
export async function startEarlierHttpServer(name: string): Promise<EraServer> {
  const journal: string[] = [];
  const record = (line: string) => void journal.push(line);
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const servers: Server[] = [];
  const http = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
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
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", () => resolve()));
  return {
    era: "earlier",
    transport: "http",
    name,
    entry: {
      url: `http://127.0.0.1:${(http.address() as { port: number }).port}/mcp`,
      gateway: FORWARD,
    },
    readJournal: () => journal,
    [Symbol.asyncDispose]: async () => {
      for (const server of servers) await server.close();
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}
