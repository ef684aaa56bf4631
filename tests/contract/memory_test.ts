import { openTransport, Processes } from "../../src/downstream/mod.ts";
import { createLog } from "../../src/log.ts";
import { playScript } from "./scripted_server.ts";
import { describeTransport } from "./suite.ts";

/** Servers in this process. */
describeTransport("memory", () => {
  const processes = new Processes(0, createLog());
  return {
    hearsLastWords: false,
    connect: (script) => ({
      kind: "memory",
      serve: (channel) =>
        playScript(channel, script, { say: () => {}, exit: () => void channel.close() }),
    }),
    open: (config, options) => openTransport(config, { ...options, processes }),
    close: () => processes.close(),
  };
});
