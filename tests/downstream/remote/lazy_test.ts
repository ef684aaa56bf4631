import assert from "node:assert/strict";
import { TempFolder } from "../../config/temp_folder.ts";
import { denoArgsWithTraps } from "../../e2e/trapped_libraries.ts";

const DOWNSTREAM = new URL("../../../src/downstream/mod.ts", import.meta.url).href;
const JSONRPC = new URL("../../../src/jsonrpc/mod.ts", import.meta.url).href;

/** A script that lists the tools of a server over the transport that its first argument names. */
const SCRIPT = `
  import { createServerAuth, openTransport, PendingOperations } from ${JSON.stringify(DOWNSTREAM)};
  import { Peer } from ${JSON.stringify(JSONRPC)};
  const [transport, folder] = Deno.args;
  const kind = transport === "sse" ? "sse" : "http";
  const encoder = new TextEncoder();
  let stream;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    if (transport === "login") return new Response(null, { status: 401 });
    if (request.method === "GET") {
      const start = (controller) => {
        stream = controller;
        stream.enqueue(encoder.encode("event: endpoint\\ndata: /messages\\n\\n"));
      };
      return new Response(new ReadableStream({ start }), { headers: { "content-type": "text/event-stream" } });
    }
    const { id } = await request.json();
    const answer = { jsonrpc: "2.0", id, result: { tools: [] } };
    if (transport === "http") return Response.json(answer);
    stream.enqueue(encoder.encode("data: " + JSON.stringify(answer) + "\\n\\n"));
    return new Response(null, { status: 202 });
  });
  const url = "http://127.0.0.1:" + server.addr.port + "/";
  const options = { connectTimeoutMs: 5000, callTimeoutMs: 5000 };
  const entry = { name: "files", connection: { kind, url, headers: {} }, options, secrets: [] };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const authorization = createServerAuth(entry, { pending: new PendingOperations(), isInteractive: false, log, folder });
  const { channel } = await openTransport(entry, { log, authorization });
  const peer = new Peer(channel, { request() {}, notification() {}, unexpected() {}, closed() {} });
  try {
    const { ok } = await peer.request("tools/list");
    console.log(ok ? "answered" : "refused");
  } catch (error) {
    for (let cause = error; cause instanceof Error; cause = cause.cause) console.log(cause.message);
  }
  Deno.exit();
`;

/** Runs the script with traps in place of the SDK. */
async function runTrapped(transport: "http" | "sse" | "login"): Promise<string> {
  using folder = new TempFolder();
  Deno.writeTextFileSync(`${folder.path}/script.ts`, SCRIPT);
  const sdk = ["@modelcontextprotocol/client", "@modelcontextprotocol/sdk"];
  const denoArgs = denoArgsWithTraps(`${folder.path}/script.ts`, folder.path, ...sdk);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...denoArgs, transport, `${folder.path}/logins`],
    cwd: folder.path,
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

for (const transport of ["http", "sse"] as const) {
  Deno.test(`[remote.lazy] ${transport}: a server without a login is served without the SDK`, async () => {
    assert.equal(await runTrapped(transport), "answered\n");
  });
}

Deno.test("[remote.lazy] the SDK is loaded when a server requires a login", async () => {
  // A missing export is reported before the trap runs.
  assert.match(await runTrapped("login"), /was loaded|does not provide an export/);
});
