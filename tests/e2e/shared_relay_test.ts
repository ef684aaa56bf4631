import assert from "node:assert/strict";
import { executeToolParams, misbehavingServer, offeringServer, readRefusal } from "./gateway.ts";
import { GATEWAY_COMMAND } from "./gateway_command.ts";
import { isRunning, prepareShared } from "./shared_gateway.ts";
import { waitUntil } from "./wait.ts";

const SHARED = { ...misbehavingServer(), gateway: { isolation: "shared" } };

/** The tests find daemons by their environment, which only Linux shows. */
const ignore = Deno.build.os !== "linux";

Deno.test({
  name:
    "[shared.one-daemon] relays that start at once make one daemon, which outlives the relay that started it",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const sessions = await Promise.all([1, 2, 3, 4].map(() => shared.connect()));
    const daemon = await shared.daemonId();
    const [first, ...others] = sessions;
    const pids = await Promise.all(
      sessions.map((session) => session.callServerToolForText("common", "pid")),
    );
    assert.equal(new Set(pids).size, 1);
    await first?.program.closeInput();
    assert.equal((await first?.program.waitForEnd())?.code, 0);
    assert.equal(await others[0]?.callServerToolForText("common", "pid"), pids[0]);
    assert.equal(await shared.daemonId(), daemon);
    for (const { program } of others) await program.closeInput();
    await waitUntil("all processes have ended", async () => {
      return (await shared.setup.listProcessIds()).length === 0;
    });
    const names = [...Deno.readDirSync(shared.folder)].map(({ name }) => name).toSorted();
    assert.match(names.join(), /^[0-9a-f]{16}\.log,secret$/);
  },
});

Deno.test({
  name:
    "[shared.client-gone] a relay that is killed is gone: its calls are cancelled, and its servers end",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { odd: misbehavingServer() } });
    const [killed, other] = [await shared.connect(), await shared.connect()];
    const pid = Number(await killed.callServerToolForText("odd", "pid"));
    const otherPid = await other.callServerToolForText("odd", "pid");
    const held = killed.client.request("tools/call", executeToolParams("odd", "wait"));
    held.catch(() => {});
    await waitUntil("the server holds the call", async () => {
      return await killed.callServerToolForText("odd", "waiting") === "1";
    });
    killed.program.sendSignal("SIGKILL");
    // The launcher of the npm package cannot pass the signal on; the client's end of the pipe closes with the client.
    if (GATEWAY_COMMAND === "npm") await killed.program.closeInput();
    await waitUntil("the server has ended", () => !isRunning(pid), 10_000);
    assert.equal(await other.callServerToolForText("odd", "pid"), otherPid);
  },
});

Deno.test({
  name:
    "[shared.one-daemon] a relay uses the daemon of one that was killed while the daemon was starting",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const killed = shared.start();
    const first = await waitUntil("a daemon starts", async () => (await shared.listDaemonIds())[0]);
    Deno.kill(first, "SIGSTOP");
    killed.sendSignal("SIGKILL");
    await killed.waitForEnd();
    const connecting = shared.connect();
    const second = await waitUntil("another daemon starts", async () => {
      return (await shared.listDaemonIds()).find((pid) => pid !== first);
    });
    // The first one listens before the second one does.
    Deno.kill(second, "SIGSTOP");
    Deno.kill(first, "SIGCONT");
    await waitUntil("the first daemon listens", () => {
      return [...Deno.readDirSync(shared.folder)].some(({ name }) => name.endsWith(".sock"));
    });
    Deno.kill(second, "SIGCONT");
    const session = await connecting;
    assert.match(await session.callServerToolForText("common", "pid"), /^\d+$/);
    assert.equal(await shared.daemonId(), first);
  },
});

Deno.test({
  name:
    "[shared.input] requests that come with the end of the input are answered before the relay ends",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { odd: misbehavingServer() } });
    const relay = shared.start();
    const lines = [
      { id: 1, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {} } },
      { method: "notifications/initialized" },
      { id: "two", method: "tools/list" },
      { id: 3, method: "tools/call", params: executeToolParams("odd", "big", { length: 3e6 }) },
    ];
    await relay.write(lines.map((line) => JSON.stringify({ jsonrpc: "2.0", ...line })).join("\n"));
    await relay.closeInput();
    assert.equal((await relay.waitForEnd()).code, 0);
    const answers = relay.lines.map((line) => JSON.parse(line));
    assert.deepEqual(answers.map(({ id }) => id).toSorted(), [1, 3, "two"]);
    const big = answers.find(({ id }) => id === 3);
    assert.equal(big.result.content[0].text.length, 3e6);
  },
});

Deno.test({
  name:
    "[shared.daemon-gone] calls in flight fail once with SERVER_UNAVAILABLE, and the next call works on another daemon",
  ignore,
  async fn() {
    await using shared = await prepareShared({
      servers: { odd: misbehavingServer(), common: SHARED },
    });
    const [one, two] = [await shared.connect(), await shared.connect()];
    const first = await shared.daemonId();
    await one.callServerToolForText("odd", "count");
    const held = one.client.request("tools/call", executeToolParams("odd", "wait"));
    const read = one.client.request("resources/read", { uri: "x://y" });
    await read;
    await waitUntil("the server holds the call", async () => {
      return await one.callServerToolForText("odd", "waiting") === "1";
    });
    await shared.killDaemon();
    const refusal = readRefusal((await held).result);
    assert.equal(refusal.code, "SERVER_UNAVAILABLE");
    assert.equal(refusal.retryable, false);
    const pids = await Promise.all(
      [one, two].map((session) => session.callServerToolForText("common", "pid")),
    );
    assert.equal(pids[0], pids[1]);
    assert.notEqual(await shared.daemonId(), first);
    // The handshake was repeated, and its answer was not passed on.
    const answers = one.client.receivedMessages.filter(({ message }) =>
      "serverInfo" in (message.result ?? {})
    );
    assert.equal(answers.length, 1);
    assert.deepEqual(one.client.malformedLines, []);
  },
});

Deno.test({
  name:
    "[shared.daemon-gone] another daemon gets the log level, the subscriptions and the capabilities; a question of the lost one is cancelled",
  ignore,
  async fn() {
    const servers = { odd: misbehavingServer(), offering: offeringServer("--name=offering") };
    await using shared = await prepareShared({ servers });
    const session = await shared.connect({
      initialize: { capabilities: { elicitation: { form: {} } } },
    });
    const { client } = session;
    await client.request("logging/setLevel", { level: "info" });
    const { result } = await client.request("resources/list");
    const [resource] = result?.resources as { uri: string }[];
    await client.request("resources/subscribe", { uri: resource?.uri });
    let askedCount = 0;
    client.setRequestHandler("elicitation/create", () => {
      return ++askedCount === 1 ? undefined : { action: "decline" };
    });
    const ask = () => {
      const question = {
        method: "elicitation/create",
        params: { message: "?", requestedSchema: { type: "object", properties: {} } },
      };
      return client.request("tools/call", executeToolParams("odd", "ask", question));
    };
    const held = ask();
    const { message: question } = await client.waitForMessage("the question", ({ method }) => {
      return method === "elicitation/create";
    });
    await shared.killDaemon();
    assert.equal(readRefusal((await held).result).code, "SERVER_UNAVAILABLE");
    const [cancelled] = client.notificationParams("notifications/cancelled");
    assert.equal(cancelled?.requestId, question.id);
    // A late answer reaches nobody.
    await client.sendLine(
      JSON.stringify({ jsonrpc: "2.0", id: question.id, result: { action: "accept" } }),
    );
    assert.match(JSON.stringify((await ask()).result), /decline/);
    assert.equal(askedCount, 2);
    await session.callServerTool("odd", "log", { length: 5, count: 1 });
    await waitUntil("a log message", () => {
      return client.notificationParams("notifications/message").length > 0;
    });
  },
});

Deno.test({
  name:
    "[shared.drain] a daemon that is asked to end answers its calls, while new ones go to another daemon, and none fails",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { odd: misbehavingServer() } });
    const session = await shared.connect();
    const first = await shared.daemonId();
    const oldPid = await session.callServerToolForText("odd", "pid");
    const slow = session.callServerToolForText("odd", "slow_progress", {
      every_ms: 100,
      times: 20,
    });
    await waitUntil("the call has progressed", () => session.client.receivedMessages.length > 0);
    Deno.kill(first, "SIGTERM");
    const pids: string[] = [];
    for (let count = 0; count < 50 || pids.at(-1) === oldPid; count++) {
      pids.push(await session.callServerToolForText("odd", "pid"));
    }
    assert.equal(await slow, "done");
    await waitUntil("the first daemon has ended", async () => {
      return !(await shared.listDaemonIds()).includes(first);
    });
    assert.equal(new Set(pids.filter((pid) => pid !== oldPid)).size, 1);
  },
});

Deno.test({
  name:
    "[shared.start-failure] a configuration with errors ends the relay with the gateway's own message, and nothing on standard output",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: '{"mcpServers": {"a": {}}}' });
    const relay = shared.start();
    assert.equal((await relay.waitForEnd()).code, 1);
    assert.deepEqual(relay.lines, []);
    assert.match(relay.stderr, /error: The gateway cannot start:\n.*\.mcp\.json:1:/);
    const names = [...Deno.readDirSync(shared.folder)].map(({ name }) => name);
    assert.ok(!names.some((name) => name.endsWith(".lock")), names.join());
    const flag = shared.start({ args: ["--agent=tester", "--face", "none"] });
    assert.equal((await flag.waitForEnd()).code, 2);
    assert.match(flag.stderr, /--face/);
  },
});

Deno.test({
  name:
    "[shared.unknown-agent] a client whose agent is not in the rules is warned, and so is the reader of the log",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { odd: misbehavingServer() } });
    const session = await shared.connect({ args: ["--agent", "testre"] });
    const warning =
      /The agent "testre" that a client is bound to is not in the rules; did you mean "tester"\?/;
    await waitUntil("the warning is printed", () => warning.test(session.program.stderr));
    const names = [...Deno.readDirSync(shared.folder)].map(({ name }) => name);
    const log = names.find((name) => name.endsWith(".log"));
    assert.match(Deno.readTextFileSync(`${shared.folder}/${log}`), warning);
  },
});

Deno.test({
  name: "[shared.separate] clients that would get other servers get another daemon",
  ignore,
  async fn() {
    const servers = {
      odd: { ...misbehavingServer(), env: { GIVEN: "${SECRET_OF_TEST:-none}" } },
    };
    await using shared = await prepareShared({ servers });
    const env = { SECRET_OF_TEST: "a" };
    const readGiven = async (options: { env?: Record<string, string>; args?: string[] }) => {
      const session = await shared.connect(options);
      return JSON.parse(await session.callServerToolForText("odd", "env")).GIVEN;
    };
    assert.equal(await readGiven({}), "none");
    assert.equal(await readGiven({ env }), "a");
    assert.equal(await readGiven({ env: { ...env, UNRELATED: "1", TERM: "other" } }), "a");
    assert.equal(await readGiven({ env: { SECRET_OF_TEST: "b" }, args: ["--agent=tester"] }), "b");
    assert.equal((await shared.listDaemonIds()).length, 3);
  },
});

Deno.test({
  name:
    "[shared.further-variables] after an edit that names a further variable, each open window gets its own value",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { odd: misbehavingServer() } });
    const windows = [
      await shared.connect({ env: { FURTHER: "one" } }),
      await shared.connect({ env: { FURTHER: "two" } }),
    ];
    const first = await shared.daemonId();
    const odd = { ...misbehavingServer(), env: { GIVEN: "${FURTHER}" } };
    shared.setup.writeFile(".mcp.json", { mcpServers: { odd } });
    await waitUntil("the daemon has ended", async () => {
      return !(await shared.listDaemonIds()).includes(first);
    });
    const values = await Promise.all(windows.map(async (window) => {
      return JSON.parse(await window.callServerToolForText("odd", "env")).GIVEN;
    }));
    assert.deepEqual(values, ["one", "two"]);
  },
});

Deno.test({
  name:
    "[shared.further-variables] after an edit that names a relative path, the servers of each open window run in its folder",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { odd: misbehavingServer() } });
    const folders = ["one", "two"].map((name) => `${shared.setup.home}/${name}`);
    for (const folder of folders) Deno.mkdirSync(folder);
    // Without a file in the working folder, both windows have the same servers.
    const args = ["--agent", "tester", "--mcp-config", `${shared.setup.workingFolder}/.mcp.json`];
    const rules = `${shared.setup.workingFolder}/.mcp-gateway-rules.json`;
    const windows = await Promise.all(folders.map((cwd) => {
      return shared.connect({ cwd, args: [...args, "--rules", rules] });
    }));
    const first = await shared.daemonId();
    shared.setup.writeFile(".mcp.json", { mcpServers: { odd: misbehavingServer("./data") } });
    await waitUntil("the daemon has ended", async () => {
      return !(await shared.listDaemonIds()).includes(first);
    });
    const used = await Promise.all(windows.map(async (window) => {
      const pid = await window.callServerToolForText("odd", "pid");
      const readlink = new Deno.Command("readlink", { args: [`/proc/${pid}/cwd`] });
      return new TextDecoder().decode((await readlink.output()).stdout).trim();
    }));
    assert.deepEqual(used, folders.map((folder) => Deno.realPathSync(folder)));
  },
});

Deno.test({
  name: "[shared.stop] a relay whose daemon starts slowly ends when it is asked to",
  ignore: ignore || GATEWAY_COMMAND === "npm",
  async fn() {
    await using shared = await prepareShared({ servers: { odd: misbehavingServer() } });
    const relay = shared.start();
    const daemon = await waitUntil("a daemon starts", async () => {
      return (await shared.listDaemonIds())[0];
    });
    Deno.kill(daemon, "SIGSTOP");
    try {
      relay.sendSignal("SIGTERM");
      assert.equal((await relay.waitForEnd(10_000)).code, 0);
      assert.deepEqual(relay.lines, []);
    } finally {
      Deno.kill(daemon, "SIGKILL");
    }
  },
});

Deno.test({
  name:
    "[shared.loopback] without Unix sockets, daemons listen on loopback, and take only clients that know a token that only the user can read",
  ignore,
  async fn() {
    const env = { AGENT_MCP_GATEWAY_LOOPBACK: "1" };
    await using shared = await prepareShared({ servers: { common: SHARED }, env });
    const [one, two] = await Promise.all([shared.connect(), shared.connect()]);
    const pids = await Promise.all(
      [one, two].map((session) => session.callServerToolForText("common", "pid")),
    );
    assert.equal(pids[0], pids[1]);
    const [name] = [...Deno.readDirSync(shared.folder)].map(({ name }) => name)
      .filter((name) => name.endsWith(".port"));
    const path = `${shared.folder}/${name}`;
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    const { port } = JSON.parse(Deno.readTextFileSync(path));
    using stranger = await Deno.connect({ hostname: "127.0.0.1", port });
    const ask = async (line: object): Promise<Record<string, unknown>> => {
      await stranger.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
      const buffer = new Uint8Array(1000);
      return JSON.parse(
        new TextDecoder().decode(buffer.subarray(0, await stranger.read(buffer) ?? 0)),
      );
    };
    const { proof } = await ask({ nonce: "x" });
    assert.match(String(proof), /^[0-9a-f]{64}$/);
    const hello = { hello: 1, action: "status", pid: 1, proof };
    const { ok, error } = await ask(hello);
    assert.equal(ok, false);
    assert.match(String(error), /no access to the file/);
    await shared.killDaemon();
    // A call on the lost connection may fail: over TCP, the relay can notice the end only afterwards.
    await one?.callServerTool("common", "pid");
    assert.notEqual(await one?.callServerToolForText("common", "pid"), pids[0]);
  },
});
