import type { HttpConfig } from "../../config/mod.ts";
import { REVISIONS } from "../../revisions.ts";

/** Maximum time for a response, in milliseconds. */
const RESPONSE_TIMEOUT_MS = 30_000;

/**
 * Opens a session without authorization, to find out whether the server requires a login. Closes
 * the session again.
 *
 * @param signal Cancels the request; its reason is thrown.
 * @returns The response to the first message, without its body.
 */
export async function probeServer(
  { kind, url, headers }: HttpConfig,
  signal: AbortSignal,
): Promise<Response> {
  if (kind === "sse") return await send(url, { headers: { ...headers, accept: SSE_TYPE } }, signal);
  const response = await send(url, {
    method: "POST",
    headers: {
      ...headers,
      accept: `application/json, ${SSE_TYPE}`,
      "content-type": "application/json",
    },
    body: INITIALIZE_MESSAGE,
  }, signal);
  const sessionId = response.headers.get("mcp-session-id");
  if (sessionId !== null) {
    const deleteRequest = {
      method: "DELETE",
      headers: { ...headers, "mcp-session-id": sessionId },
    };
    // Some servers do not support this; their sessions expire.
    await send(url, deleteRequest, signal).catch(() => {});
  }
  const isOlderServer = kind === "auto" && [400, 404, 405].includes(response.status);
  return isOlderServer
    ? await send(url, { headers: { ...headers, accept: SSE_TYPE } }, signal)
    : response;
}

const SSE_TYPE = "text/event-stream";

const INITIALIZE_MESSAGE = JSON.stringify({
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
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), RESPONSE_TIMEOUT_MS);
  try {
    const signals = AbortSignal.any([signal, timeout.signal]);
    const response = await fetch(url, { ...init, redirect: "manual", client, signal: signals });
    await response.body?.cancel();
    return response;
  } finally {
    clearTimeout(timer);
  }
}
