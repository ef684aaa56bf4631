import assert from "node:assert/strict";
import { openTransport, Processes } from "../../../src/downstream/mod.ts";
import { createLog } from "../../../src/log.ts";
import { DownstreamFixture, readResultJson } from "../../contract/downstream_fixture.ts";

/** A server of an earlier revision that behaves badly when its first message is not `initialize`. */
const PROGRAM = `
const [mode] = Deno.args;
const write = (text) => Deno.stdout.writeSync(new TextEncoder().encode(text + "\\n"));
const results = {
  initialize: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } },
  "tools/list": { tools: [{ name: "echo", inputSchema: { type: "object" } }] },
  "tools/call": { content: [] },
};
let rest = "";
for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + chunk).split("\\n");
  rest = lines.pop();
  for (const line of lines) {
    const { id, method } = JSON.parse(line);
    if (id === undefined) continue;
    if (results[method] !== undefined) {
      write(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] }));
    } else if (mode === "exits") Deno.exit(1);
    else if (mode === "floods") for (let count = 0; count < 20000; count++) write("unknown method " + method);
  }
}
`;

for (const mode of ["exits", "hangs", "floods"]) {
  Deno.test(`[eras.trouble] a process that ${mode} when it is probed works, and has not failed`, async () => {
    const processes = new Processes(4, createLog());
    const args = ["eval", "--quiet", PROGRAM, mode];
    await using fixture = new DownstreamFixture({
      connect: () => ({ kind: "stdio", command: Deno.execPath(), args, env: {} }),
      open: (config, options) => openTransport(config, { ...options, processes }),
      close: () => processes.close(),
    });
    assert.equal(readResultJson(await fixture.call("echo")), '{"content":[]}');
    assert.equal(fixture.connections.length, mode === "exits" ? 2 : 1);
    const { state, restarts, last_error } = fixture.server.status();
    assert.deepEqual({ state, restarts, last_error }, {
      state: "ready",
      restarts: 0,
      last_error: null,
    });
  });
}
