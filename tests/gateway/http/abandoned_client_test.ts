import assert from "node:assert/strict";
import { HttpService } from "../../../src/gateway/http/mod.ts";
import { createRecordingLog } from "../../audit/audit_log_fixtures.ts";
import { TempFolder } from "../../config/temp_folder.ts";
import { misbehavingServer } from "../../e2e/gateway.ts";
import { HAS_NO_SHELL, isRunning, listProcesses } from "../../e2e/fault_processes.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { openGateway } from "../in_process.ts";
import { EventReader, HttpFixture, OPEN_AUTHENTICATOR, request } from "./http_fixture.ts";

/** Time after which a client that has closed its stream counts as gone, in milliseconds. */
const ABANDONED_AFTER_MS = 300;

Deno.test("[http.left] only a client that closed its stream and then sends nothing counts as gone", async () => {
  await using fixture = await HttpFixture.open({
    limits: { abandonedAfterMs: ABANDONED_AFTER_MS },
  });
  const openSession = async () => {
    const session = await fixture.initialize();
    return { session, gatewaySession: fixture.gatewaySessions.at(-1) ?? assert.fail() };
  };
  const [neverListening, returning, calling, reconnecting, listening, gone] = [
    await openSession(),
    await openSession(),
    await openSession(),
    await openSession(),
    await openSession(),
    await openSession(),
  ];
  const closeStream = async ({ session }: typeof gone) =>
    new EventReader(await session.get()).cancel();
  await closeStream(returning);
  await closeStream(calling);
  const call = calling.session.post(request("wait", "w"));
  await waitUntil("the call arrives", () => calling.gatewaySession.heldCalls.length === 1);
  const replacedStream = new EventReader(await reconnecting.session.get());
  const newStream = new EventReader(await reconnecting.session.get());
  assert.deepEqual(await replacedStream.remainingMessages(), []);
  const listeningStream = new EventReader(await listening.session.get());
  // A client that sends a request after the end of its stream is present.
  await (await returning.session.post(request("echo"))).text();
  await closeStream(gone);
  await waitUntil("the client counts as gone", () => gone.gatewaySession.releaseCount === 1);
  for (const { gatewaySession } of [neverListening, returning, calling, reconnecting, listening]) {
    assert.deepEqual([gatewaySession.releaseCount, gatewaySession.hasDisconnected], [0, false]);
  }
  assert.equal(gone.gatewaySession.hasDisconnected, false, "The session of the client has ended");
  const answer = await gone.session.post(request("echo"));
  assert.equal(answer.status, 200);
  await answer.text();
  calling.gatewaySession.heldCalls[0]?.reply({});
  await (await call).text();
  await listeningStream.cancel();
  await newStream.cancel();
  await waitUntil(
    "the listening client counts as gone",
    () => listening.gatewaySession.releaseCount === 1,
  );
  await waitUntil(
    "the reconnecting client counts as gone",
    () => reconnecting.gatewaySession.releaseCount === 1,
  );
  assert.deepEqual([neverListening.gatewaySession.releaseCount, gone.gatewaySession.releaseCount], [
    0,
    1,
  ]);
});

Deno.test({
  name:
    "[http.left] the server of a killed client ends, and starts again when the session is used again",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    using folder = new TempFolder();
    folder.write("mcp.json", { mcpServers: { odd: misbehavingServer() } });
    folder.write("rules.json", { agents: { a: { allow: { servers: ["*"] } } } });
    const flags = { agent: "a", transport: "http", port: "0" };
    const { gateway, settings } = await openGateway(folder, flags);
    const service = await HttpService.open({
      settings,
      revisions: ["2025-11-25"],
      authenticator: OPEN_AUTHENTICATOR,
      accept: (channel, agent) => gateway.connect(channel, { agent, onClosed: () => {} }),
      acceptStateless: (credential) => gateway.connectStateless(credential),
      isReady: () => true,
      memory: gateway.memory,
      metrics: () => "",
      limits: { abandonedAfterMs: ABANDONED_AFTER_MS },
      log: createRecordingLog(),
    });
    const client = new TwoProcessClient(service.url);
    await client.initialize();
    const otherClient = new TwoProcessClient(service.url);
    await otherClient.initialize();
    const [pid, otherPid] = [await client.readServerPid(), await otherClient.readServerPid()];
    // Another process holds the stream open until the test kills that process.
    const listener = client.listen();
    await waitUntil("the stream of the client is open", () => listener.isOpen());
    assert.equal(await isProcessRunning(pid), true);
    listener.kill();
    await waitUntil("the server of the client ends", async () => !await isProcessRunning(pid));
    assert.equal(
      await isProcessRunning(otherPid),
      true,
      "The server of the other client has ended",
    );
    const newPid = await client.readServerPid();
    assert.notEqual(newPid, pid, "The server was not started again");
    await listener.ended;
    await service.close();
    await gateway.end({
      callsMs: 0,
      gracePeriods: { afterInputCloseMs: 500, afterTerminateMs: 500 },
    });
    assert.deepEqual([await isProcessRunning(newPid), await isProcessRunning(otherPid)], [
      false,
      false,
    ]);
  },
});

async function isProcessRunning(pid: number): Promise<boolean> {
  return (await listProcesses()).some((process) => process.pid === pid && isRunning(process));
}

/** A client that sends requests from the test's process, and opens its stream in another process. */
class TwoProcessClient {
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

  async readServerPid(): Promise<number> {
    const params = { name: "execute_tool", arguments: { server: "odd", tool: "pid", args: {} } };
    const response = await this.#post(request("tools/call", 1, { ...params }));
    const text = await response.text();
    const pid = Number(JSON.parse(text).result.content[0].text);
    assert.ok(pid > 0, text);
    return pid;
  }

  /** Starts a process that opens the stream of the session. */
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
    let output = "";
    const ended = (async () => {
      for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) output += chunk;
      await child.status;
    })();
    return { isOpen: () => output.includes("200"), kill: () => child.kill("SIGKILL"), ended };
  }

  #post(body: unknown): Promise<Response> {
    return fetch(this.#url, { method: "POST", headers: this.#headers, body: JSON.stringify(body) });
  }
}
