import type { Budget } from "../budget.ts";
import type { ForwardedRequest, ServerConfig } from "../config/mod.ts";
import { type Channel, type IncomingRequest, Peer, RPC_CODES } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import type { ActiveCalls } from "./active_calls.ts";
import type { ListKind } from "./catalog/mod.ts";
import type { ClientChannel, InputResponse } from "./client_channel.ts";
import { NoiseLog } from "./noise_log.ts";
import { redactExcerpt } from "./secrets.ts";
import { transportKind } from "./transports/mod.ts";
import type { ResourceUpdate, ServerCodec } from "./revisions/mod.ts";

/**
 * Pause in reading a server after each line that is not a message, in milliseconds. Without the pause, a
 * server that prints such lines without end would keep the gateway from serving others.
 */
const NOISE_PAUSE_MS = 0.2;

/** Limit of the requests of a server that wait for the client at the same time. */
const MAX_PENDING_REQUESTS = 100;

/** Maximum memory of a request that is forwarded to the client, in bytes: that of a text of 8 MiB, in UTF-16. */
const MAX_REQUEST_MEMORY = 16 * 1024 * 1024;

/**
 * Time for a client to answer with its roots after the end of the call, in milliseconds. A server asks for
 * the roots once per session, right after the handshake. A call that is active then has nothing to do
 * with the request, so its end does not cancel the request. Clients answer automatically, within milliseconds.
 */
const ROOTS_GRACE_MS = 2000;

/** Receives the messages of a server. */
export interface ServerListener {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** Returns the codec of the server's revision. */
  readonly codec: () => ServerCodec;
  /** Returns the server's revision; `undefined` until it is known. */
  readonly revision: () => string | undefined;
  /** Requests of the server that are forwarded to the client. */
  readonly forward: readonly ForwardedRequest[];
  /** The server's share of the memory, in which its pending requests count; `undefined` if it is not limited. */
  readonly memory: Budget | undefined;
  /** Receives invalid data, and late answers at debug level. */
  readonly log: Log;
  /** The active calls, which a request of the server may belong to. */
  readonly calls: ActiveCalls;
  /** Returns the channel to the client that a request or a log message is for; `undefined` if no client is known. */
  readonly clientChannel: () => ClientChannel | undefined;
  /** Called when the server sent invalid data; receives the beginning of the data. */
  readonly onNoise: (excerpt: string) => void;
  /**
   * Called when the session may differ from other sessions from now on, because a request of the server is forwarded to
   * the client.
   */
  readonly onAltered: () => void;
  /** Called when the server has announced that lists have changed. */
  readonly onListsChanged: (kinds: readonly ListKind[]) => void;
  /** Called when the server has announced that a resource has changed. */
  readonly onResourceUpdated: (update: ResourceUpdate) => void;
  /** Called when the connection has ended. */
  readonly onClosed: () => void;
}

/**
 * Opens the peer of a server, which forwards the server's requests and notifications to the client.
 *
 * @param channel The channel to the server.
 * @param listener Receives the server's messages.
 */
export function openServerPeer(channel: Channel, listener: ServerListener): Peer {
  const { config, codec, forward, memory, log, calls, clientChannel } = listener;
  const { onAltered, onNoise, onListsChanged, onResourceUpdated, onClosed } = listener;
  const server = config.name;
  const source = `the server ${transportKind(config.connection).verb}`;
  const noiseLog = new NoiseLog(log, { source, fields: { server } });
  const peer = new Peer(channel, {
    acceptsBatches: () => codec().hasBatches(listener.revision()),
    memory: () => memory,
    request: (request) => {
      if (peer.incomingCount > MAX_PENDING_REQUESTS) {
        const message = `More than ${MAX_PENDING_REQUESTS} requests are pending`;
        return request.fail({ code: RPC_CODES.internalError, message });
      }
      const context = {
        codec: codec(),
        server,
        forward,
        memory,
        clientChannel: clientChannel(),
        calls,
        hasRoom: (length: number) => peer.hasRoom(length),
        onAltered,
      };
      forwardRequest(request, context);
    },
    notification: (method, params, text) => {
      const decoded = codec().decodeNotification({ method, params, text }, server);
      switch (decoded?.kind) {
        case "lists-changed":
          return onListsChanged(decoded.lists);
        case "resource-updated":
          return onResourceUpdated(decoded.update);
        case "log":
          return clientChannel()?.log(decoded.params);
        case "url-input-done":
          if (!forward.includes("elicitation")) return;
          return clientChannel()?.notifyUrlInputDone({ elicitationId: decoded.elicitationId });
      }
    },
    lateAnswer: (excerpt) => {
      log.debug("Answered a request that was cancelled", {
        server,
        excerpt: redactExcerpt(excerpt, config),
      });
    },
    unexpected: (description, excerpt) => {
      onNoise(excerpt);
      noiseLog.write(description, () => ({ excerpt: redactExcerpt(excerpt, config) }));
      channel.throttle?.(NOISE_PAUSE_MS);
    },
    closed: () => {
      peer.cancelIncoming("The server is gone");
      onClosed();
    },
  });
  return peer;
}

/** The context in which a server's request is forwarded. */
interface ForwardContext {
  /** Decodes the requests. */
  readonly codec: ServerCodec;
  /** The server's name, which is shown to people beside its messages. */
  readonly server: string;
  /** Requests that are forwarded to the client. */
  readonly forward: readonly ForwardedRequest[];
  /** The server's share of the memory. */
  readonly memory: Budget | undefined;
  /** The channel to the client; `undefined` if no client is known. */
  readonly clientChannel: ClientChannel | undefined;
  /** The active calls of the session. */
  readonly calls: ActiveCalls;
  /** Whether the queue to the server has room for an answer of a length in UTF-16 code units. */
  readonly hasRoom: (length: number) => boolean;
  /** Called when the request is forwarded. */
  readonly onAltered: () => void;
}

/** Answers a request of a server: directly, or through the client. */
function forwardRequest(request: IncomingRequest, context: ForwardContext): void {
  const { codec, server, forward, memory, clientChannel, calls, hasRoom, onAltered } = context;
  const decoded = codec.decodeRequest(request, server);
  if (decoded?.kind === "answered") return request.reply(decoded.result);
  if (decoded === undefined || !forward.includes(decoded.capability)) {
    return request.failUnknownMethod();
  }
  if (clientChannel === undefined) {
    const message = `There is no client that could answer ${request.method}`;
    return request.fail({ code: RPC_CODES.internalError, message });
  }
  const { memory: bytes } = request;
  if (bytes > MAX_REQUEST_MEMORY) {
    const message = `${request.method} is too large to be passed on to the client`;
    return request.fail({ code: RPC_CODES.invalidParams, message });
  }
  if (memory?.hasRoom(bytes) === false) {
    const message =
      `${request.method} does not fit into the server's share of the gateway's memory; ` +
      "send it again when the client has answered other requests";
    return request.fail({ code: RPC_CODES.internalError, message });
  }
  memory?.add(bytes);
  onAltered();
  const graceMs = decoded.capability === "roots" ? ROOTS_GRACE_MS : 0;
  const pending = calls.beginInput(request.signal, graceMs);
  clientChannel.requestInput(decoded.input, pending.signal).then(
    (response) => answerRequest(request, response, hasRoom),
    () => {
      const message = pending.signal.aborted
        ? `The call that ${request.method} belongs to has ended`
        : `The client did not answer ${request.method}`;
      request.fail({ code: RPC_CODES.internalError, message });
    },
  ).finally(() => {
    memory?.add(-bytes);
    pending.close();
  });
}

function answerRequest(
  request: IncomingRequest,
  response: InputResponse,
  hasRoom: ForwardContext["hasRoom"],
): void {
  if (!hasRoom(lengthOf(response))) {
    const message = "The server has not read earlier messages";
    return request.fail({ code: RPC_CODES.internalError, message });
  }
  switch (response.kind) {
    case "accepted":
    case "declined":
    case "cancelled":
      return request.reply(response.result.text);
    case "failed":
      return request.fail(response.error);
    case "unsupported": {
      const message = `The client does not support this kind of ${request.method}`;
      return request.fail({ code: RPC_CODES.invalidParams, message });
    }
  }
}

/** Returns the length of the client's answer, in UTF-16 code units. */
function lengthOf(response: InputResponse): number {
  switch (response.kind) {
    case "accepted":
    case "declined":
    case "cancelled":
      return response.result.text.json.length;
    case "failed":
      return response.error.json.length;
    case "unsupported":
      return 0;
  }
}
