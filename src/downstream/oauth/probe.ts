import type { ConnectHttp } from "../../config/mod.ts";
import { REVISIONS } from "../../revisions.ts";

/** Maximum time for the server's answer, in milliseconds. */
const ANSWER_MS = 30_000;

/**
 * Opens a session without a login, to see whether the server refuses it. If it does not, the
 * session is closed again.
 *
 * @param signal Cancels the request; its reason is thrown.
 * @returns The response; its body was discarded.
 */
export async function probeServer(
  { kind, url, headers }: ConnectHttp,
  signal: AbortSignal,
): Promise<Response> {
  if (kind === "sse") return await send(url, { headers: { ...headers, accept: SSE } }, signal);
  const response = await send(url, {
    method: "POST",
    headers: { ...headers, accept: `application/json, ${SSE}`, "content-type": "application/json" },
    body: INITIALIZE,
  }, signal);
  const session = response.headers.get("mcp-session-id");
  if (session !== null) {
    const end = { method: "DELETE", headers: { ...headers, "mcp-session-id": session } };
    // A server need not support this; its sessions also expire.
    await send(url, end, signal).catch(() => {});
  }
  const isOlder = kind === "auto" && [400, 404, 405].includes(response.status);
  return isOlder ? await send(url, { headers: { ...headers, accept: SSE } }, signal) : response;
}

const SSE = "text/event-stream";

const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: REVISIONS[0],
    capabilities: {},
    clientInfo: { name: "agent-mcp-gateway", version: "0" },
  },
});

async function send(url: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const tooLong = new AbortController();
  const timer = setTimeout(() => tooLong.abort(), ANSWER_MS);
  try {
    const signals = AbortSignal.any([signal, tooLong.signal]);
    const response = await fetch(url, { ...init, redirect: "manual", client, signal: signals });
    await response.body?.cancel();
    return response;
  } finally {
    clearTimeout(timer);
  }
}
