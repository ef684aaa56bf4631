import assert from "node:assert/strict";
import { identityAt } from "../../src/file_identity.ts";
import { misbehavingServer } from "./gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import type { Setup } from "./setup.ts";
import { KEY, startDaemon } from "./shared_daemon.ts";
import { isRoot, prepareShared } from "./shared_gateway.ts";
import { waitUntil } from "./wait.ts";

const ID = KEY.slice(0, 16);

/** Sockets of Windows are tested where the relay is. */
const ignore = Deno.build.os === "windows";

/** Starts a command in the environment of a setup. */
async function start(setup: Setup, ...args: string[]): Promise<Program> {
  const [command, ...words] = await gatewayCommandLine(GATEWAY_COMMAND);
  const { workingFolder: cwd, env } = setup;
  return new Program({ command, args: [...words, ...args], cwd, env });
}

/** Runs a command until it ends; returns its exit code and outputs. */
async function run(setup: Setup, ...args: string[]): Promise<[number, string, string]> {
  const program = await start(setup, ...args);
  const { code } = await program.waitForEnd();
  return [code, program.lines.join("\n"), program.stderr];
}

/** Starts a process of another user with further arguments in its command line. */
async function startAsOther(...args: string[]): Promise<AsyncDisposable> {
  const script = "echo ready; read -r _";
  const child = new Deno.Command("sh", {
    args: ["-c", script, "x", ...args],
    uid: 65534,
    cwd: "/",
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.stdout.getReader();
  await output.read();
  return {
    [Symbol.asyncDispose]: async () => {
      await child.stdin.close();
      await output.cancel();
      await child.status;
    },
  };
}

Deno.test({
  name:
    "[shared.commands] ps shows gateways with their clients and servers, for people and as JSON",
  ignore,
  async fn() {
    await using daemon = await startDaemon({
      servers: { odd: misbehavingServer(), idle: misbehavingServer() },
    });
    const { session } = await daemon.connect("tester");
    const pid = Number(await session.callServerToolForText("odd", "pid"));
    const { pid: daemonPid } = await daemon.readStatus();
    const [code, text, errors] = await run(daemon.setup, "ps");
    assert.deepEqual([code, errors], [0, ""]);
    assert.match(
      text,
      new RegExp(`^${ID.slice(0, 8)} +version \\S+, process ${daemonPid}, since 20`),
    );
    assert.match(text, /^ {2}servers +\/.*\/\.mcp\.json$/m);
    assert.match(text, /^ {2}memory +\d+ MB: \d+ MB of the gateway, \d+ MB of its servers$/m);
    assert.match(text, new RegExp(`^ {2}tester +raw 1 +2025-11-25 +${Deno.pid} +20`, "m"));
    assert.match(text, /^ {2}odd +ready +1 +\d+ +\d+ MB$/m);
    const [, json] = await run(daemon.setup, "ps", "--json");
    const [report, ...others] = JSON.parse(json);
    assert.deepEqual(others, []);
    assert.deepEqual([report.id, report.state, report.pid], [ID, "running", daemonPid]);
    assert.equal(report.clients[0].agent, "tester");
    const odd = report.servers.find(({ name }: { name: string }) => name === "odd");
    assert.deepEqual(odd.pids, [pid]);
    assert.equal(report.log, `${daemon.folder}/${ID}.log`);
  },
});

Deno.test({
  name: "[shared.commands] without a shared gateway, ps and down say so, and logs names what to do",
  async fn() {
    await using shared = await prepareShared();
    const [code, text, message] = await run(shared.setup, "ps");
    assert.deepEqual([code, text], [0, ""]);
    assert.match(message, /^No shared gateway runs: .*--shared/);
    assert.deepEqual((await run(shared.setup, "ps", "--json")).slice(0, 2), [0, "[]"]);
    assert.deepEqual(await run(shared.setup, "down"), [0, "", "No shared gateway runs\n"]);
    const [downCode, , downMessage] = await run(shared.setup, "down", "abc");
    assert.equal(downCode, 2);
    assert.match(downMessage, /No shared gateway has the id "abc"; .* ps lists them/);
    const [logsCode, , logsMessage] = await run(shared.setup, "logs");
    assert.equal(logsCode, 1);
    assert.match(logsMessage, /No shared gateway runs or has left a log/);
    assert.throws(() => Deno.statSync(shared.folder), Deno.errors.NotFound);
  },
});

Deno.test({
  name: "[shared.differences] ps names what separates gateways of the same files, without values",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using shared = await prepareShared();
    const agent = ["--agent", "tester"];
    const first = await shared.connect({ args: agent, env: { LANG: "C" } });
    const firstId = JSON.parse((await run(shared.setup, "ps", "--json"))[1])[0].id;
    const options = {
      args: [...agent, "--face", "direct"],
      env: { LANG: "secret", LC_X: "secret" },
    };
    const second = await shared.connect(options);
    const [code, json] = await run(shared.setup, "ps", "--json");
    assert.equal(code, 0);
    assert.doesNotMatch(json, /secret|"variables"/);
    const reports: Record<string, unknown>[] = JSON.parse(json);
    const [from] = reports.map(({ id }) => id);
    assert.deepEqual(reports.map(({ differs }) => differs), [
      undefined,
      { from, in: ["--face", "LANG", "LC_X"] },
    ]);
    assert.ok(reports.some(({ id }) => id === firstId));
    const [, text] = await run(shared.setup, "ps");
    const line = `  differs  from ${String(from).slice(0, 8)} in --face, LANG, LC_X`;
    assert.deepEqual(text.split("\n").filter((part) => part.startsWith("  differs")), [line]);
    await Promise.all([first, second].map(({ program }) => program.closeInput()));
  },
});

Deno.test({
  name:
    "[shared.commands] down lets calls end, and returns when the gateway and its servers are gone; the next call of its clients works",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const servers = { common: { ...misbehavingServer(), gateway: { isolation: "shared" } } };
    await using shared = await prepareShared({ servers });
    const session = await shared.connect();
    const pid = await session.callServerToolForText("common", "pid");
    const [daemon] = await shared.listDaemonIds();
    const slow = session.callServerToolForText("common", "slow_progress", {
      every_ms: 50,
      times: 50,
    });
    await waitUntil("the server has the call", async () => {
      const [, json] = await run(shared.setup, "ps", "--json");
      return JSON.parse(json)[0].servers[0].calls_in_flight > 0;
    });
    const [code, text, errors] = await run(shared.setup, "down");
    assert.deepEqual([code, errors], [0, ""]);
    const note = "; its client is still open, and the next call starts a gateway again";
    assert.match(text, new RegExp(`^Ended [0-9a-f]{16}, process ${daemon}${note}$`));
    const running = await shared.setup.listProcessIds();
    assert.ok(!running.includes(Number(daemon)) && !running.includes(Number(pid)));
    assert.equal(await slow, "done");
    assert.notEqual(await session.callServerToolForText("common", "pid"), pid);
  },
});

Deno.test({
  name:
    "[shared.commands] a gateway that does not answer is named with its process, and not killed",
  ignore,
  async fn() {
    await using daemon = await startDaemon();
    const pid = Number((await daemon.readStatus()).pid);
    await using _others = isRoot() ? await startAsOther("__daemon", KEY) : undefined;
    Deno.kill(pid, "SIGSTOP");
    try {
      const [ps, down] = await Promise.all([
        run(daemon.setup, "ps"),
        run(daemon.setup, "down", ID.slice(0, 4)),
      ]);
      assert.equal(ps[0], 1);
      assert.match(ps[1], new RegExp(`^${ID.slice(0, 8)} +cannot be used\\n.*is ${pid}$`, "s"));
      assert.deepEqual(down.slice(0, 2), [1, ""]);
      assert.match(down[2], new RegExp(`^${ID} has not ended: .*is ${pid}\\n$`, "s"));
    } finally {
      Deno.kill(pid, "SIGCONT");
    }
    await daemon.connect("tester");
  },
});

Deno.test({
  name:
    "[shared.commands] the socket of a gateway that was killed is named as such, and down removes it",
  ignore,
  async fn() {
    await using daemon = await startDaemon();
    Deno.kill(Number((await daemon.readStatus()).pid), "SIGKILL");
    await daemon.program.waitForEnd();
    const [code, text] = await run(daemon.setup, "ps");
    assert.equal(code, 1);
    assert.match(text, new RegExp(`^${ID.slice(0, 8)} +does not run\\n.*was killed`, "s"));
    const [downCode, downText] = await run(daemon.setup, "down");
    assert.deepEqual([downCode, downText], [
      0,
      `Removed the socket of ${ID}, whose process was killed before`,
    ]);
    const names = [...Deno.readDirSync(daemon.folder)].map(({ name }) => name);
    assert.deepEqual(names, [`${ID}.log`]);
    const [logsCode, log] = await run(daemon.setup, "logs", "-n", "1");
    assert.equal(logsCode, 0);
    assert.match(log, /^\d{4}-\S+ .*/);
  },
});

Deno.test({
  name:
    "[shared.commands] logs follows the log of the only gateway; of several, one has to be named",
  ignore,
  async fn() {
    await using daemon = await startDaemon();
    const logs = await start(daemon.setup, "logs", "-f");
    await waitUntil("the log is shown", () => {
      return logs.lines.some((line) => line.includes("Listening on"));
    });
    await daemon.connect("tester");
    await waitUntil("the new line is shown", () => {
      return logs.lines.some((line) => line.includes("A client has connected"));
    });
    logs.sendSignal("SIGTERM");
    await logs.waitForEnd();
    Deno.writeTextFileSync(`${daemon.folder}/${"f".repeat(16)}.sock`, "");
    const [code, , message] = await run(daemon.setup, "logs");
    assert.equal(code, 2);
    assert.match(message, /Name one of the shared gateways/);
    assert.equal((await run(daemon.setup, "logs", ID))[0], 0);
  },
});

Deno.test({
  name: "[shared.commands] after all gateways have ended, logs shows the log of the last one",
  ignore,
  async fn() {
    await using daemon = await startDaemon();
    daemon.program.sendSignal("SIGTERM");
    await daemon.program.waitForEnd();
    assert.equal((await run(daemon.setup, "logs"))[0], 0);
    const older = `${daemon.folder}/${"f".repeat(16)}.log`;
    Deno.writeTextFileSync(older, "older\n");
    Deno.utimeSync(older, 0, 1_000_000);
    const [code, text, note] = await run(daemon.setup, "logs");
    assert.equal(code, 0);
    assert.match(text, /Listening on/);
    const id = ID.slice(0, 8);
    const expected = `^No shared gateway runs. This is the log of the last one, ${id} until 20.*` +
      "; others have left theirs: ffffffff until 1970-01-12 .*$";
    assert.match(note.trim(), new RegExp(expected));
  },
});

Deno.test({
  name:
    "[shared.commands] a gateway of a client without XDG_RUNTIME_DIR is found in the state folder",
  // Elsewhere the path of the socket may be too long.
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using shared = await prepareShared();
    const { XDG_RUNTIME_DIR: _, ...env } = shared.setup.env;
    const [command, ...words] = await gatewayCommandLine(GATEWAY_COMMAND);
    const args = [...words, "__daemon", KEY];
    const program = new Program({ command, args, cwd: shared.setup.workingFolder, env });
    await waitUntil("the daemon listens", () => program.lines.includes("ready"));
    const [code, text] = await run(shared.setup, "ps");
    assert.equal(code, 0);
    assert.match(text, new RegExp(`^${ID.slice(0, 8)} .*process \\d+, since`));
    Deno.mkdirSync(shared.folder, { mode: 0o755 });
    for (const command of ["ps", "logs"]) {
      const [code, text, message] = await run(shared.setup, command);
      assert.equal(code, command === "ps" ? 1 : 0);
      assert.ok(text.length > 0);
      assert.match(message, /^Warning: the folder .* is open to other users/);
    }
    assert.equal((await run(shared.setup, "down", ID.slice(0, 6)))[0], 0);
    assert.equal((await program.waitForEnd()).code, 0);
  },
});

Deno.test({
  name:
    "[shared.named] get_gateway_status says that the gateway is shared, and doctor names the shared gateways of its files",
  ignore,
  async fn() {
    await using daemon = await startDaemon({ env: { GATEWAY_DEBUG: "true" } });
    const { session } = await daemon.connect("tester");
    const { pid } = await daemon.readStatus();
    type Status = { readonly shared: Record<string, unknown> };
    const { shared } = await session.callGatewayToolForJson<Status>("get_gateway_status");
    assert.deepEqual([shared.pid, shared.clients], [pid, 1]);
    assert.equal(shared.log, `${daemon.folder}/${ID}.log`);
    const [, text] = await run(daemon.setup, "doctor");
    assert.match(
      text,
      new RegExp(
        `Shared gateways\n +${ID.slice(0, 8)}, process ${shared.pid}, serves 1 client with these`,
      ),
    );
    const [, json] = await run(daemon.setup, "doctor", "--json");
    assert.deepEqual(JSON.parse(json).shared.daemons, [
      { id: ID, state: "running", pid: shared.pid, clients: 1 },
    ]);
    daemon.setup.writeFile("other.json", { mcpServers: {} });
    const [, otherText] = await run(daemon.setup, "doctor", "--mcp-config", "other.json");
    assert.doesNotMatch(otherText, /Shared gateways/);
    Deno.chmodSync(daemon.folder, 0o755);
    const [, warning] = await run(daemon.setup, "doctor");
    assert.match(warning, /Shared gateways\n +Warning: the folder .* is open to other users/);
  },
});

Deno.test({
  name: "[shared.commands] down leaves no socket of a gateway without clients",
  ignore,
  async fn() {
    // Without a wait for its removal, about every third socket stayed.
    for (let round = 0; round < 6; round++) {
      await using daemon = await startDaemon();
      assert.equal((await run(daemon.setup, "down"))[0], 0);
      assert.equal(identityAt(daemon.socket), undefined);
    }
  },
});

Deno.test({
  name: "[shared.commands] a gateway that listens on loopback is shown and ended, too",
  async fn() {
    const env = { AGENT_MCP_GATEWAY_LOOPBACK: "1" };
    await using daemon = await startDaemon({ env });
    const [code, json] = await run(daemon.setup, "ps", "--json");
    const [{ state, pid, socket }] = JSON.parse(json);
    assert.deepEqual([code, state], [0, "running"]);
    assert.equal(socket, `${daemon.folder}/${ID}.port`);
    assert.deepEqual(await run(daemon.setup, "down"), [0, `Ended ${ID}, process ${pid}`, ""]);
    assert.equal((await daemon.program.waitForEnd()).code, 0);
  },
});
