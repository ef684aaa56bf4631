import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const MODULE = new URL("../../../src/downstream/remote/mod.ts", import.meta.url).href;
const CONFIG = fileURLToPath(new URL("../../../deno.json", import.meta.url));

/** Opens the stream of an SSE server, collects garbage, and cancels. */
const SCRIPT = `
  import { openRemote } from ${JSON.stringify(MODULE)};
  const closed = Promise.withResolvers();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(": hello\\n\\n")),
      cancel: () => closed.resolve("closed"),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
  const url = "http://127.0.0.1:" + server.addr.port;
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const config = { name: "x", options: { connectTimeoutMs: 1000, callTimeoutMs: 1000 } };
  const transport = await openRemote(config, {
    connect: { kind: "sse", url, headers: {} },
    log,
  });
  transport.channel.open({ message() {}, dropped() {}, closed() {} });
  transport.channel.send('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}');
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    gc();
  }
  await transport.end({ inputMs: 10, terminateMs: 10 });
  const late = new Promise((resolve) => setTimeout(() => resolve("left open"), 2000));
  console.log(await Promise.race([closed.promise, late]));
  Deno.exit();
`;

Deno.test("[remote.no-leak] a garbage collection, which loses Deno's own signal, leaks no connection", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/script.ts`, SCRIPT);
    const permissions = ["--allow-read", "--allow-env", "--allow-net=127.0.0.1"];
    const flags = ["--quiet", "--no-check", "--no-prompt", "--v8-flags=--expose-gc"];
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", ...flags, ...permissions, "--config", CONFIG, `${folder}/script.ts`],
      stdin: "null",
    }).output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.equal(said, "closed\n");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
