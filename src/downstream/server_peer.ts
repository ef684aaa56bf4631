import type { Forwarded, ServerConfig } from "../config/mod.ts";
import { type Channel, Peer, RPC_CODES } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import type { ClientChannel } from "./caller.ts";
import type { ActiveCalls } from "./active_calls.ts";
import { NoiseLog } from "./noise_log.ts";
import { redactExcerpt } from "./secrets.ts";
import { forwardNotification, forwardRequest } from "./forward.ts";

/**
 * Pause in reading a server after each line that is not a message, in milliseconds. A server that
 * prints such lines all the time would otherwise use all of our time; this way it is the one that waits.
 */
const NOISE_REST_MS = 0.2;

/** Limit of the requests of a server that wait for the client; people answer one at a time. */
const MAX_REQUESTS = 100;

/** Receives the messages of a server. */
export interface ServerListener {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** Requests of the server that are forwarded to the client. */
  readonly forward: readonly Forwarded[];
  /** Receives invalid data, and late answers at debug level. */
  readonly log: Log;
  /** The active calls, which a request of the server may belong to. */
  readonly calls: ActiveCalls;
  /** Returns the client that a request or a log message is for; `undefined` if none is known. */
  readonly link: () => ClientChannel | undefined;
  /** The server sent invalid data; receives its beginning. */
  readonly onNoise: (excerpt: string) => void;
  /** The server's tools may have changed. */
  readonly onToolsChanged: () => void;
  /** The connection has ended. */
  readonly onClosed: () => void;
}

/**
 * Opens the peer of a server: its requests and notifications go to the client they are for.
 *
 * @param channel The channel to the server.
 * @param listener Receives its messages.
 */
export function openServerPeer(channel: Channel, listener: ServerListener): Peer {
  const { config, forward, log, calls, link, onNoise, onToolsChanged, onClosed } = listener;
  const server = config.name;
  const noise = new NoiseLog(log, {
    server,
    verb: config.connect.kind === "stdio" ? "wrote to stdout" : "sent",
  });
  const peer = new Peer(channel, {
    request: (request) => {
      if (peer.incomingCount > MAX_REQUESTS) {
        const message = `More than ${MAX_REQUESTS} requests are under way`;
        request.fail({ code: RPC_CODES.internalError, message });
      } else forwardRequest(request, { server, forward, link: link(), calls });
    },
    notification: (method, params) => {
      if (method === "notifications/tools/list_changed") onToolsChanged();
      else forwardNotification({ method, params }, { server, link: link() });
    },
    late: (excerpt) => {
      log.debug("Answered a request that was cancelled", {
        server,
        excerpt: redactExcerpt(excerpt, config),
      });
    },
    noise: (description, excerpt) => {
      onNoise(excerpt);
      noise.note(description, () => redactExcerpt(excerpt, config));
      channel.throttle?.(NOISE_REST_MS);
    },
    closed: () => {
      peer.cancelIncoming("The server is gone");
      onClosed();
    },
  });
  return peer;
}
