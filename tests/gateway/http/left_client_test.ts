import assert from "node:assert/strict";
import { HttpService } from "../../../src/gateway/http/mod.ts";
import { createRecordingLog } from "../../audit/audit_log_fixtures.ts";
import { TempFolder } from "../../config/temp_folder.ts";
import { oddServer } from "../../e2e/gateway.ts";
import { HAS_NO_SHELL, isRunning, listProcesses } from "../../e2e/fault_processes.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { openGateway } from "../in_process.ts";
import { EventReader, HttpFixture, OPEN_AUTHENTICATOR, request } from "./http_fixture.ts";

/** Time after which a client that has closed its stream counts as gone, in milliseconds. */
const LEFT_MS = 300;

Deno.test("[http.left] the signs of a client that is gone", async () => {
  await using fixture = await HttpFixture.open({ limits: { abandonedAfterMs: LEFT_MS } });
  const open = async () => {
    const session = await fixture.initialize();
    return { session, client: fixture.clients.at(-1) ?? assert.fail() };
  };
  const [silent, back, calling, replaced, listening, gone] = [
    await open(),
    await open(),
    await open(),
    await open(),
    await open(),
    await open(),
  ];
  const leave = async ({ session }: typeof gone) => new EventReader(await session.get()).cancel();
  await leave(back);
  await leave(calling);
  const call = calling.session.post(request("wait", "w"));
  await waitUntil("the call is there", () => calling.client.heldCalls.length === 1);
  const first = new EventReader(await replaced.session.get());
  const second = new EventReader(await replaced.session.get());
  assert.deepEqual(await first.remainingMessages(), []);
  const stream = new EventReader(await listening.session.get());
  // A client that sends a request after its stream ended is present.
  await (await back.session.post(request("echo"))).text();
  await leave(gone);
  await waitUntil("it counts as gone", () => gone.client.releaseCount === 1);
  for (const { client } of [silent, back, calling, replaced, listening]) {
    assert.deepEqual([client.releaseCount, client.hasDisconnected], [0, false]);
  }
  assert.equal(gone.client.hasDisconnected, false, "its session stays");
  const answer = await gone.session.post(request("echo"));
  assert.equal(answer.status, 200);
  await answer.text();
  calling.client.heldCalls[0]?.reply({});
  await (await call).text();
  await stream.cancel();
  await second.cancel();
  await waitUntil("it goes as well", () => listening.client.releaseCount === 1);
  await waitUntil("and this one", () => replaced.client.releaseCount === 1);
  assert.deepEqual([silent.client.releaseCount, gone.client.releaseCount], [0, 1]);
});

Deno.test({
  name: "[http.left] a killed client's server ends; its session continues when it comes back",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    using folder = new TempFolder();
    folder.write("mcp.json", { mcpServers: { odd: oddServer() } });
    folder.write("rules.json", { agents: { a: { allow: { servers: ["*"] } } } });
    const flags = { agent: "a", transport: "http", port: "0" };
    const { gateway, settings } = await openGateway(folder, flags);
    const service = await HttpService.open({
      settings,
      revisions: ["2025-11-25"],
      authenticator: OPEN_AUTHENTICATOR,
      accept: (channel, agent) => gateway.connect(channel, { agent, onClosed: () => {} }),
      isReady: () => true,
      metrics: () => "",
      limits: { abandonedAfterMs: LEFT_MS },
      log: createRecordingLog(),
    });
    const client = new HttpClient(service.url);
    await client.initialize();
    const stays = new HttpClient(service.url);
    await stays.initialize();
    const [pid, other] = [await client.serverPid(), await stays.serverPid()];
    // The client is a process that holds its stream open, as all do, until it is killed.
    const listener = client.listen();
    await waitUntil("its stream is open", () => listener.isOpen());
    assert.equal(await isThere(pid), true);
    listener.kill();
    await waitUntil("its server ends", async () => !await isThere(pid));
    assert.equal(await isThere(other), true, "the other client's stays");
    const next = await client.serverPid();
    assert.notEqual(next, pid, "the same session has its server started again");
    await listener.ended;
    await service.close();
    await gateway.end({ callsMs: 0, gracePeriods: { inputMs: 500, terminateMs: 500 } });
    assert.deepEqual([await isThere(next), await isThere(other)], [false, false]);
  },
});

async function isThere(pid: number): Promise<boolean> {
  return (await listProcesses()).some((process) => process.pid === pid && isRunning(process));
}

/** A client that calls from this process and holds its stream open in one of its own. */
class HttpClient {
  readonly #url: string;
  #headers: Record<string, string> = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };

  constructor(url: string) {
    this.#url = url;
  }

  async initialize(): Promise<void> {
    const clientInfo = { name: "t", version: "0" };
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
    const response = await this.#post(request("initialize", 0, params));
    await response.text();
    const id = response.headers.get("mcp-session-id") ?? assert.fail();
    this.#headers = { ...this.#headers, "mcp-session-id": id, accept: "application/json" };
    await (await this.#post({ jsonrpc: "2.0", method: "notifications/initialized" })).text();
  }

  async serverPid(): Promise<number> {
    const params = { name: "execute_tool", arguments: { server: "odd", tool: "pid", args: {} } };
    const response = await this.#post(request("tools/call", 1, { ...params }));
    const text = await response.text();
    const pid = Number(JSON.parse(text).result.content[0].text);
    assert.ok(pid > 0, text);
    return pid;
  }

  listen() {
    const headers = { ...this.#headers, accept: "text/event-stream" };
    const script = `const { status } = await fetch(${JSON.stringify(this.#url)}, ${
      JSON.stringify({ headers })
    });
      console.log(status);
      setInterval(() => {}, 1000);`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-config", "--no-lock", script],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    let text = "";
    const ended = (async () => {
      for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) text += chunk;
      await child.status;
    })();
    return { isOpen: () => text.includes("200"), kill: () => child.kill("SIGKILL"), ended };
  }

  #post(body: unknown): Promise<Response> {
    return fetch(this.#url, { method: "POST", headers: this.#headers, body: JSON.stringify(body) });
  }
}
