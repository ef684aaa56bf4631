import type { ConnectHttp, ServerConfig } from "../../config/mod.ts";
import { MAX_MESSAGE_BYTES, type Turn } from "../../jsonrpc/mod.ts";
import type { Log } from "../../log.ts";
import type { Authorization } from "../authorization.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { secretsOf } from "../secrets.ts";
import type { Transport } from "../transport.ts";
import { HttpWay } from "./http_way.ts";
import { RemoteChannel, type WayListener } from "./remote_channel.ts";
import { RemoteTransport } from "./remote_transport.ts";
import { Requests } from "./requests.ts";
import { SseWay } from "./sse_way.ts";
import { Tickets } from "./tickets.ts";
import type { WayOptions } from "./way.ts";

/** What a connection is opened with, besides the server's entry. */
export interface RemoteSurroundings {
  /** Takes what goes wrong behind the scenes, at debug level. */
  readonly log: Log;
  /** The longest message that is taken, in bytes; default 64 MiB. */
  readonly maxBytes?: number;
  /** What requests have to bear; by default nothing but the headers of the entry. */
  readonly authorization?: Authorization | undefined;
}

/**
 * Prepares a connection to a remote server. Nothing is opened before the first message, so that the
 * time to connect covers all of it.
 *
 * @param config The server's entry.
 * @param connect Its url.
 * @param surroundings Log and authorization.
 * @throws {RemoteFailure} where the gateway may not open it.
 */
export async function openRemote(
  config: ServerConfig,
  connect: ConnectHttp,
  { log, maxBytes = MAX_MESSAGE_BYTES, authorization }: RemoteSurroundings,
): Promise<Transport> {
  const url = new URL(connect.url);
  warnOfTraces(config, connect.url, log);
  await refuseWithoutPermission(url);
  // Here and nowhere else: it takes 0.1 s and 30 MB, which who has no such server must not pay.
  const sdk = await import("@modelcontextprotocol/client");
  const { name: server, options: { connectTimeoutMs, callTimeoutMs } } = config;
  const requests = new Requests({
    headers: connect.headers,
    authorization,
    secrets: () => secretsOf(config),
  });
  const turns = new Set<Turn>();
  const wayOptions = (listener: WayListener): WayOptions => ({
    ...listener,
    sdk,
    url,
    requests,
    tickets: new Tickets(),
    maxBytes,
    busyMs: { start: connectTimeoutMs, call: callTimeoutMs },
    turns,
    log,
    server,
  });
  const http = (listener: WayListener): HttpWay => new HttpWay(wayOptions(listener));
  const sse = (listener: WayListener): SseWay => new SseWay(wayOptions(listener));
  const channel = new RemoteChannel({
    way: connect.kind === "sse" ? sse : http,
    olderWay: connect.kind === "auto" ? sse : undefined,
    turns,
    onTrouble: (cause) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      log.debug("A message did not reach the server", { server, reason });
    },
  });
  return new RemoteTransport(channel, requests);
}

const warned = new WeakSet<ServerConfig>();

/** Deno adds a span of its own for each request, with the whole address, and cannot be told not to. */
function warnOfTraces(config: ServerConfig, address: string, log: Log): void {
  const { name: server, secrets } = config;
  if (Deno.env.get("OTEL_DENO") !== "true" || warned.has(config)) return;
  // What stands behind the host.
  const [, place = ""] = /^\w+:\/\/[^/?#]*(.*)$/.exec(address) ?? [];
  if (!secrets.some((secret) => secret !== "" && place.includes(secret))) return;
  warned.add(config);
  const what =
    "The variables in its url will stand in Deno's traces; put keys into headers instead";
  log.warn(what, { server });
}

/** Beforehand, because a request that is refused for it leaves its body open. */
async function refuseWithoutPermission({ host }: URL): Promise<void> {
  const { state } = await Deno.permissions.query({ name: "net", host });
  if (state === "granted") return;
  const message = `the gateway may not connect to ${host}; start it with --allow-net`;
  throw new RemoteFailure(message, { reach: "never", endsSession: true, problem: "no-permission" });
}
