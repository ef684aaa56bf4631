import type { MemoryConfig } from "../../config/mod.ts";
import { type Channel, createMemoryChannels, MAX_MESSAGE_BYTES } from "../../jsonrpc/mod.ts";
import { detachSlice, startOfText } from "../../text.ts";
import type { Transport } from "./transport.ts";

/** Length of the excerpts from both ends of a message that is too long, in UTF-16 code units. */
const EXCERPT_LENGTH = 500;

/** Opens a connection to a server in this process. */
export function openMemory(
  { serve }: MemoryConfig,
  maxBytes: number = MAX_MESSAGE_BYTES,
): Transport {
  const [ours, theirs] = createMemoryChannels();
  serve(theirs);
  return {
    channel: limitMessages(ours, maxBytes),
    readLastOutput: () => Promise.resolve(""),
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
          const head = startOfText(text, EXCERPT_LENGTH);
          const tail = detachSlice(text.slice(-EXCERPT_LENGTH), text);
          handler.dropped({ reason: "too-long", bytes, head, tail });
        },
      }),
    send: (text) => channel.send(text),
    flush: () => channel.flush(),
    close: () => channel.close(),
  };
}
