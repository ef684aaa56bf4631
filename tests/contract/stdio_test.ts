import { fileURLToPath } from "node:url";
import { openTransport, Processes } from "../../src/downstream/mod.ts";
import { createLog } from "../../src/log.ts";
import { describeTransport } from "./suite.ts";

const SERVER_PROGRAM = fileURLToPath(new URL("scripted_server.ts", import.meta.url));
const DENO_DIR = Deno.env.get("DENO_DIR");

describeTransport("stdio", () => {
  const processes = new Processes(16, createLog());
  return {
    connect: (script) => ({
      kind: "stdio",
      command: Deno.execPath(),
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        "--no-config",
        SERVER_PROGRAM,
        JSON.stringify(script),
      ],
      env: DENO_DIR === undefined ? {} : { DENO_DIR },
    }),
    open: (config, options) => openTransport(config, { ...options, processes }),
    close: () => processes.close(),
  };
});
