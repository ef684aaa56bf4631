import type { Budget } from "../../budget.ts";
import type { HttpConfig, ServerConfig } from "../../config/mod.ts";
import { MAX_MESSAGE_BYTES, type ReadThrottle } from "../../jsonrpc/mod.ts";
import type { Log } from "../../log.ts";
import type { Authorization } from "../authorization.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { secretsOf } from "../secrets.ts";
import type { GracePeriods, Recovery, Transport } from "../transports/mod.ts";
import { HttpRequester } from "./http_requester.ts";
import { RemoteChannel } from "./remote_channel.ts";
import type { RemoteClientListener, RemoteClientOptions } from "./remote_client.ts";
import { SseClient } from "./sse_client.ts";
import { StreamableHttpClient } from "./streamable_http_client.ts";

/** The context in which a connection to a remote server is opened. */
export interface RemoteContext {
  /** Address and headers of the server, from its entry. */
  readonly connection: HttpConfig;
  /** Receives warnings, and at debug level the failures of messages for which no caller waits. */
  readonly log: Log;
  /** Size limit of a message, in bytes; default 64 MiB. */
  readonly maxBytes?: number;
  /** The server's memory budget; default: no limit. */
  readonly memory?: Budget | undefined;
  /** Returns a promise to await before reading more from the server, while the gateway's only client does not read. */
  readonly untilClientReads?: (() => Promise<void> | undefined) | undefined;
  /** Adds a token to the requests; by default, the requests carry the headers of the entry only. */
  readonly authorization?: Authorization | undefined;
}

/**
 * Prepares a connection to a remote server. The connection is opened with the first message, so that the
 * connect timeout covers all its steps.
 *
 * @param config The server's entry.
 * @param context The server's address, the log, and the authorization.
 * @throws {RemoteFailure} if the gateway lacks Deno's permission to connect to the server.
 */
export async function openRemote(
  config: ServerConfig,
  { connection, log, maxBytes = MAX_MESSAGE_BYTES, memory, untilClientReads, authorization }:
    RemoteContext,
): Promise<Transport> {
  const url = new URL(connection.url);
  warnAboutTraces(config, connection.url, log);
  await requirePermission(url);
  const { name: server, options: { connectTimeoutMs, callTimeoutMs } } = config;
  const requester = new HttpRequester({
    headers: connection.headers,
    authorization,
    secrets: () => secretsOf(config),
  });
  const throttles = new Set<ReadThrottle>();
  const clientOptions = (listener: RemoteClientListener): RemoteClientOptions => ({
    ...listener,
    url,
    requester,
    maxBytes,
    memory,
    untilClientReads,
    maxBusyWaitMs: { start: connectTimeoutMs, call: callTimeoutMs },
    throttles,
    log,
    server,
  });
  const createHttpClient = (listener: RemoteClientListener): StreamableHttpClient => {
    return new StreamableHttpClient(clientOptions(listener));
  };
  const createSseClient = (listener: RemoteClientListener): SseClient => {
    return new SseClient(clientOptions(listener));
  };
  const channel = new RemoteChannel({
    createClient: connection.kind === "sse" ? createSseClient : createHttpClient,
    createFallback: connection.kind === "auto" ? createSseClient : undefined,
    throttles,
    memory,
    sendTimeoutMs: connectTimeoutMs,
    onSendFailed: (cause) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      log.debug("A message did not reach the server", { server, reason });
    },
  });
  return new RemoteTransport(channel, requester);
}

/** The transport to a server over HTTP. */
class RemoteTransport implements Transport, Recovery {
  readonly channel: RemoteChannel;
  readonly recovery: Recovery = this;
  readonly #requester: HttpRequester;
  #ending: Promise<void> | undefined;

  constructor(channel: RemoteChannel, requester: HttpRequester) {
    this.channel = channel;
    this.#requester = requester;
  }

  get hasSessionId(): boolean {
    return this.channel.hasSessionId;
  }

  get hasResponded(): boolean {
    return this.#requester.hasResponded;
  }

  get awaitsLogin(): boolean {
    return this.#requester.awaitsLogin;
  }

  renewConnections(): void {
    this.#requester.renewConnections();
    this.channel.noteSleep();
  }

  resume(sleptMs: number): void {
    this.channel.resume(sleptMs);
  }

  endAsLost(reason: string): void {
    this.channel.endAsLost(reason);
  }

  setHeaders(headers: Readonly<Record<string, string>>): void {
    this.channel.setHeaders(headers);
  }

  /** Returns the failure that ended the session, as a sentence; empty if there was none. */
  readLastOutput(): Promise<string> {
    const message = this.channel.failure?.message ?? "";
    return Promise.resolve(
      message === "" ? "" : `${message[0]?.toUpperCase()}${message.slice(1)}.`,
    );
  }

  kill(): void {
    void this.channel.close();
  }

  end({ afterInputCloseMs }: GracePeriods): Promise<void> {
    this.#ending ??= this.#end(afterInputCloseMs);
    return this.#ending;
  }

  async #end(withinMs: number): Promise<void> {
    await this.channel.endSession(withinMs);
    this.#requester.close();
  }
}

const warnedConfigs = new WeakSet<ServerConfig>();

/** Warns if traces would contain secrets: Deno adds a span with the whole url for each request. */
function warnAboutTraces(config: ServerConfig, address: string, log: Log): void {
  const { name: server, secrets } = config;
  if (Deno.env.get("OTEL_DENO") !== "true" || warnedConfigs.has(config)) return;
  const [, afterHost = ""] = /^\w+:\/\/[^/?#]*(.*)$/.exec(address) ?? [];
  const { username, password } = new URL(address);
  const tracedText = `${username} ${afterHost}`;
  const showsVariable = secrets.some((secret) => secret !== "" && tracedText.includes(secret));
  if (password === "" && !showsVariable) return;
  warnedConfigs.add(config);
  const message =
    "The url contains a password or a variable, which appears in Deno's traces; put keys into headers instead";
  log.warn(message, { server });
}

/** Checks the permission before the first request: if Deno refuses a request, its body stays open. */
async function requirePermission({ host }: URL): Promise<void> {
  const { state } = await Deno.permissions.query({ name: "net", host });
  if (state === "granted") return;
  const message = `the gateway may not connect to ${host}; start it with --allow-net`;
  throw new RemoteFailure(message, { reach: "never", endsSession: true, problem: "no-permission" });
}
