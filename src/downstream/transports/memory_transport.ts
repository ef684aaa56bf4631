import type { ConnectMemory } from "../../config/mod.ts";
import { type Channel, createMemoryChannels, MAX_MESSAGE_BYTES } from "../../jsonrpc/mod.ts";
import type { Transport } from "./transport.ts";

/** Characters at each end of a message that are kept if it is too long. */
const KEPT = 500;

/** Opens a connection to a server in this process. */
export function openMemory(
  { serve }: ConnectMemory,
  maxBytes: number = MAX_MESSAGE_BYTES,
): Transport {
  const [ours, theirs] = createMemoryChannels();
  serve(theirs);
  return {
    channel: limitMessages(ours, maxBytes),
    lastWords: () => Promise.resolve(""),
    kill: () => void ours.close(),
    end: () => ours.close(),
  };
}

/** Drops messages that are too long, as the other transports do. */
function limitMessages(channel: Channel, maxBytes: number): Channel {
  return {
    open: (handler) =>
      channel.open({
        dropped: (message) => handler.dropped(message),
        closed: (cause) => handler.closed(cause),
        message: (text, bytes) => {
          if (bytes <= maxBytes) return handler.message(text, bytes);
          const [head, tail] = [text.slice(0, KEPT), text.slice(-KEPT)];
          handler.dropped({ reason: "too-long", bytes, head, tail });
        },
      }),
    send: (text) => channel.send(text),
    flush: () => channel.flush(),
    close: () => channel.close(),
  };
}
