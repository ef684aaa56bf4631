import type { Transport } from "../../src/downstream/mod.ts";
import { type Channel, createMemoryChannels } from "../../src/jsonrpc/mod.ts";
import { playScript } from "./scripted_server.ts";
import { describeTransport } from "./suite.ts";

/** Servers in this process: tests the sessions alone, without any pipe. */
describeTransport("memory", () => ({
  connect: (script) => ({ kind: "stdio", command: "", args: [JSON.stringify(script)], env: {} }),
  open: ({ connect }, { maxBytes = Infinity }) => {
    const [ours, theirs] = createMemoryChannels();
    const stderr: string[] = [];
    const script = connect.kind === "stdio" ? connect.args[0] ?? "" : "";
    playScript(theirs, JSON.parse(script), {
      say: (text) => void stderr.push(text),
      exit: () => void theirs.close(),
    });
    const transport: Transport = {
      channel: limit(ours, maxBytes),
      lastWords: () => Promise.resolve(stderr.join("\n")),
      kill: () => void ours.close(),
      end: () => ours.close(),
    };
    return Promise.resolve(transport);
  },
  close: () => Promise.resolve(),
}));

/** A channel in memory has no maximum message length of its own. */
function limit(channel: Channel, maxBytes: number): Channel {
  return {
    open: (handler) =>
      channel.open({
        dropped: (message) => handler.dropped(message),
        closed: (cause) => handler.closed(cause),
        message: (text, bytes) => {
          if (bytes <= maxBytes) return handler.message(text, bytes);
          const [head, tail] = [text.slice(0, 500), text.slice(-500)];
          handler.dropped({ reason: "too-long", bytes, head, tail });
        },
      }),
    send: (text) => channel.send(text),
    flush: () => channel.flush(),
    close: () => channel.close(),
  };
}
