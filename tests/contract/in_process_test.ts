import { openTransport, Processes } from "../../src/downstream/mod.ts";
import { createLog } from "../../src/log.ts";
import { runScriptedServer } from "./scripted_server.ts";
import { describeTransport } from "./suite.ts";

describeTransport("memory", () => {
  const processes = new Processes(0, createLog());
  return {
    capturesOutput: false,
    connect: (script) => ({
      kind: "memory",
      serve: (channel) =>
        runScriptedServer(channel, script, {
          printToStderr: () => {},
          exit: () => void channel.close(),
        }),
    }),
    open: (config, options) => openTransport(config, { ...options, processes }),
    close: () => processes.close(),
  };
});
