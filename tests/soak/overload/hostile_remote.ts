/**
 * A hostile MCP server over HTTP: its answers are compressed, endless or slow. It prints its URL. At the path
 * `/start` it answers `initialize` with a compressed gigabyte, too.
 */
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { constants, deflateRawSync } from "node:zlib";

const MB = 1_000_000;

/** Time after which an endless answer ends in any case, in milliseconds. */
const MAX_ANSWER_MS = 30_000;

const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
// A block ends at a byte, so that it can be repeated. The checksum at the end of the file is missing.
const flush = { finishFlush: constants.Z_FULL_FLUSH };
const compressedMegabyte = deflateRawSync(Buffer.alloc(MB, "x"), flush);
const compressedGigabyte = Buffer.concat(Array.from({ length: 1000 }, () => compressedMegabyte));

const tools = ["compressed", "endless_json", "endless_line", "endless_events", "slow"];
const piece = Buffer.alloc(64_000, "x");
const events = Buffer.from(
  `data: ${
    JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: { level: "error" } })
  }\n\n`.repeat(500),
);

function sendCompressed(response: ServerResponse, head: string): void {
  response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
  const compressedHead = deflateRawSync(Buffer.from(head), flush);
  response.end(Buffer.concat([GZIP_HEADER, compressedHead, compressedGigabyte]));
}

async function sendEndlessly(
  response: ServerResponse,
  { contentType, head, repeated, pauseMs }: {
    contentType: string;
    head: string;
    repeated: Buffer;
    pauseMs: number;
  },
): Promise<void> {
  response.writeHead(200, { "content-type": contentType });
  response.write(head);
  const endMs = performance.now() + MAX_ANSWER_MS;
  while (!response.destroyed && performance.now() < endMs) {
    const isWritable = response.write(repeated);
    await new Promise<void>((resolve) => {
      if (pauseMs > 0) setTimeout(resolve, pauseMs);
      else if (isWritable) setImmediate(resolve);
      else response.once("drain", resolve).once("close", resolve);
    });
  }
  response.destroy();
}

async function callTool(id: string, { name, response }: {
  name: string;
  response: ServerResponse;
}): Promise<void> {
  const head = `{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"`;
  const [json, stream] = ["application/json", "text/event-stream"];
  switch (name) {
    case "compressed":
      return sendCompressed(response, head);
    case "endless_json":
      return await sendEndlessly(response, {
        contentType: json,
        head,
        repeated: piece,
        pauseMs: 0,
      });
    case "endless_line":
      return await sendEndlessly(response, {
        contentType: stream,
        head: `data: ${head}`,
        repeated: piece,
        pauseMs: 0,
      });
    case "endless_events":
      return await sendEndlessly(response, {
        contentType: stream,
        head: "\n",
        repeated: events,
        pauseMs: 0,
      });
    default:
      return await sendEndlessly(response, {
        contentType: json,
        head,
        repeated: Buffer.from("x"),
        pauseMs: 100,
      });
  }
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on("error", () => {});
  let body = "";
  for await (const chunk of request) body += chunk;
  if (request.method !== "POST") return void response.writeHead(405).end();
  const [, id] = /"id":("[^"]*"|\d+)/.exec(body) ?? [];
  const [, method = ""] = /"method":"([^"]*)"/.exec(body) ?? [];
  if (id === undefined) return void response.writeHead(202).end();
  const reply = (result: unknown) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(`{"jsonrpc":"2.0","id":${id},"result":${JSON.stringify(result)}}`);
  };
  if (method === "initialize") {
    if (request.url === "/start") {
      return sendCompressed(response, `{"jsonrpc":"2.0","id":${id},"x":"`);
    }
    const serverInfo = { name: "remote", version: "1" };
    return reply({ protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo });
  }
  if (method === "tools/list") {
    return reply({ tools: tools.map((name) => ({ name, inputSchema: { type: "object" } })) });
  }
  if (method !== "tools/call") return reply({});
  await callTool(id, { name: /"name":"([^"]*)"/.exec(body)?.[1] ?? "", response });
}

const server = createServer((request, response) => {
  handle(request, response).catch(() => response.destroy());
});
server.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  Deno.stdout.writeSync(new TextEncoder().encode(url));
});
