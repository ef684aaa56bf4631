import type { Forwarded, ServerConfig } from "../config/mod.ts";
import { type Channel, Peer, RPC_CODES } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import type { ClientChannel } from "./caller.ts";
import type { ActiveCalls } from "./active_calls.ts";
import { NoiseLog } from "./noise_log.ts";
import { redactExcerpt } from "./secrets.ts";
import { forwardNotification, forwardRequest } from "./forward.ts";

/**
 * How long a server is not read for each line that is no message, in milliseconds. One that shouts
 * all the time would have all of our time; this way it waits itself.
 */
const NOISE_REST_MS = 0.2;

/** Requests of a server that may wait for the client; people answer one at a time. */
const MAX_REQUESTS = 100;

/** Who hears what a server says. */
export interface ServerListener {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** Which of its requests may reach the client. */
  readonly forward: readonly Forwarded[];
  /** Takes what is odd. */
  readonly log: Log;
  /** The calls under way, which a request of the server may belong to. */
  readonly calls: ActiveCalls;
  /** The client that a request or a log message is for, where one is known. */
  readonly link: () => ClientChannel | undefined;
  /** The server sent something that is no use, which is told with its beginning. */
  readonly onNoise: (excerpt: string) => void;
  /** The server's tools may have changed. */
  readonly onToolsChanged: () => void;
  /** The server says nothing any more. */
  readonly onClosed: () => void;
}

/**
 * Opens the conversation with a server: what it asks and says goes to the client it is for.
 *
 * @param channel The way to the server.
 * @param listener Who hears it.
 */
export function openServerPeer(channel: Channel, listener: ServerListener): Peer {
  const { config, forward, log, calls, link, onNoise, onToolsChanged, onClosed } = listener;
  const server = config.name;
  const noise = new NoiseLog(
    log,
    server,
    config.connect.kind === "stdio" ? "wrote to stdout" : "sent",
  );
  const peer = new Peer(channel, {
    request: (request) => {
      if (peer.incomingCount > MAX_REQUESTS) {
        const message = `More than ${MAX_REQUESTS} requests are under way`;
        request.fail({ code: RPC_CODES.internalError, message });
      } else forwardRequest(request, { server, forward, link: link(), calls });
    },
    notification: (method, params) => {
      if (method === "notifications/tools/list_changed") onToolsChanged();
      else forwardNotification(method, params, { server, link: link() });
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
