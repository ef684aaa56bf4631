import type { ServerResponse } from "node:http";
import { type Message, type RequestHandler, sendJson } from "./fake_http_server.ts";

/** The tools of the server, which names a header for an argument of `query`. */
export const STATELESS_TOOLS = [
  { name: "echo", inputSchema: { type: "object" } },
  { name: "read", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
  {
    name: "query",
    inputSchema: {
      type: "object",
      properties: { region: { type: "string", "x-mcp-header": "Region" } },
    },
  },
];

/** Results of some methods, in place of the usual ones. */
export type Results = Readonly<Record<string, unknown>>;

/** Returns a handler that acts as a server of revision 2026-07-28, and knows no method of earlier ones. */
export function actAsStatelessServer(results: Results = {}): RequestHandler {
  return ({ method, message, headers }, response) => {
    if (method !== "POST") return (response.writeHead(405).end(), true);
    if (headers["mcp-protocol-version"] !== "2026-07-28") {
      const error = { code: -32020, message: "Header mismatch: MCP-Protocol-Version" };
      return sendJson(response, { jsonrpc: "2.0", id: message.id, error }, 400);
    }
    const result = results[message.method ?? ""] ?? resultFor(message);
    if (result === undefined) {
      const error = { code: -32601, message: "Method not found" };
      return sendJson(response, { jsonrpc: "2.0", id: message.id, error }, 404);
    }
    return sendStateless(response, message, result);
  };
}

/** Answers a request with a complete result, and returns `true` as a handler does. */
export function sendStateless(response: ServerResponse, { id }: Message, result: unknown): true {
  const common = { resultType: "complete", ttlMs: 60_000, cacheScope: "private" };
  return sendJson(response, { jsonrpc: "2.0", id, result: { ...common, ...result as object } });
}

function resultFor({ method, params = {} }: Message): object | undefined {
  switch (method) {
    case "server/discover":
      return {
        supportedVersions: ["2026-07-28"],
        capabilities: { tools: {} },
        _meta: { "io.modelcontextprotocol/serverInfo": { name: "odd", version: "1" } },
      };
    case "tools/list":
      return { tools: STATELESS_TOOLS };
    case "tools/call":
      return { content: [{ type: "text", text: `called ${params.name}` }] };
    default:
      return undefined;
  }
}
