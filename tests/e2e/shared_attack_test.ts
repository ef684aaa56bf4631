import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { misbehavingServer } from "./gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import { isRoot, prepareShared, type RelayOptions, type SharedGateway } from "./shared_gateway.ts";
import { waitUntil } from "./wait.ts";

const SHARED = { ...misbehavingServer(), gateway: { isolation: "shared" } };

const ignore = Deno.build.os !== "linux";

const INITIALIZE = `${
  JSON.stringify({
    jsonrpc: "2.0",
    id: "first",
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {} },
  })
}\n`;

/** Starts a relay, which must say what is wrong on standard error and in the answer to `initialize`, and end. */
async function expectRefusal(
  shared: SharedGateway,
  message: RegExp,
  options: RelayOptions = {},
): Promise<void> {
  const relay = shared.start(options);
  await relay.write(INITIALIZE);
  assert.equal((await relay.waitForEnd()).code, 1);
  assert.match(relay.stderr, /^error: The gateway cannot be shared: /);
  assert.match(relay.stderr, message);
  const [line = "", ...others] = relay.lines;
  assert.deepEqual(others, []);
  const { id, error } = JSON.parse(line);
  assert.deepEqual([id, error.code, error.data.code], ["first", -32603, "SERVER_UNAVAILABLE"]);
  assert.match(error.message, message);
}

/** Returns the path of the socket that a relay of this setup uses. */
async function socketOf(shared: SharedGateway): Promise<string> {
  const session = await shared.connect();
  const names = [...Deno.readDirSync(shared.folder)].map(({ name }) => name);
  await session.program.closeInput();
  await session.program.waitForEnd();
  await waitUntil("the daemon is gone", async () => (await shared.listDaemonIds()).length === 0);
  return `${shared.folder}/${names.find((name) => name.endsWith(".sock"))}`;
}

/** Listens on a socket, in a program that answers each connection with a text, and may close it. */
async function listenInstead(
  shared: SharedGateway,
  path: string,
  ...answer: readonly string[]
): Promise<Program> {
  const script = fileURLToPath(new URL("../fixtures/socket_listener.ts", import.meta.url));
  const flags = ["--quiet", "--no-config", "--no-lock", "--allow-net", "--allow-read"];
  const program = new Program({
    command: Deno.execPath(),
    args: ["run", ...flags, "--allow-write", script, path, ...answer],
    cwd: shared.setup.workingFolder,
    env: { ...shared.setup.env, HOME: "/nowhere" },
  });
  await waitUntil("it listens", () => program.lines.includes("ready"));
  return program;
}

Deno.test({
  name: "[shared.folder] a folder for sockets that is open to others, a link, or a file is refused",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const { folder } = shared;
    Deno.mkdirSync(folder, { mode: 0o755 });
    await expectRefusal(shared, /is open to other users\. Fix: chmod 700/);
    Deno.chmodSync(folder, 0o770);
    await expectRefusal(shared, /is open to other users/);
    Deno.removeSync(folder);
    Deno.mkdirSync(`${shared.setup.home}/elsewhere`, { mode: 0o700 });
    Deno.symlinkSync(`${shared.setup.home}/elsewhere`, folder);
    await expectRefusal(shared, /is a link or a file/);
    Deno.removeSync(folder);
    Deno.writeTextFileSync(folder, "");
    await expectRefusal(shared, /is a link or a file/);
    Deno.removeSync(folder);
    Deno.chmodSync(shared.setup.home, 0o777);
    await expectRefusal(shared, /another user could replace the folder/);
    Deno.chmodSync(shared.setup.home, 0o755);
    assert.ok(await (await shared.connect()).callServerToolForText("common", "pid"));
  },
});

Deno.test({
  name: "[shared.folder] a folder of another user is refused",
  ignore: ignore || !isRoot(),
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    Deno.mkdirSync(shared.folder, { mode: 0o700 });
    await Deno.chown(shared.folder, 65534, 65534);
    await expectRefusal(shared, /belongs to another user/);
    await Deno.chown(shared.folder, 0, 0);
  },
});

Deno.test({
  name:
    "[shared.folder] a folder is refused, and nothing is created, if others can replace a folder or a link before it",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const { home } = shared.setup;
    const outer = `${home}/outer`;
    const runtime = `${outer}/runtime`;
    Deno.mkdirSync(runtime, { recursive: true, mode: 0o700 });
    const link = `${home}/link`;
    Deno.symlinkSync("outer/../outer/runtime", link);
    const expectUnsafe = async (reason: RegExp, XDG_RUNTIME_DIR = runtime): Promise<void> => {
      await expectRefusal(shared, reason, { env: { XDG_RUNTIME_DIR } });
      assert.deepEqual([...Deno.readDirSync(runtime)], []);
    };
    for (const mode of [0o770, 0o702]) {
      Deno.chmodSync(runtime, mode);
      await expectUnsafe(
        /could replace the folder .*: other users can write into .*outer\/runtime\./,
      );
    }
    Deno.chmodSync(runtime, 0o700);
    Deno.chmodSync(outer, 0o777);
    await expectUnsafe(/other users can write into .*outer\./, link);
    Deno.chmodSync(outer, 0o1777);
    const long = "x".repeat(100);
    await expectUnsafe(/too long for sockets/, `${runtime}/${long}`);
    const session = await shared.connect({ env: { XDG_RUNTIME_DIR: link } });
    assert.ok(await session.callServerToolForText("common", "pid"));
    assert.ok(Deno.lstatSync(`${runtime}/agent-mcp-gateway`).isDirectory);
  },
});

Deno.test({
  name: "[shared.folder] a folder below a folder or a link of another user is refused",
  ignore: ignore || !isRoot(),
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const { home } = shared.setup;
    const runtime = `${home}/outer/runtime`;
    Deno.mkdirSync(runtime, { recursive: true, mode: 0o700 });
    const link = `${home}/link`;
    Deno.symlinkSync("outer/runtime", link);
    const expectUnsafe = async (reason: RegExp, XDG_RUNTIME_DIR: string): Promise<void> => {
      await expectRefusal(shared, reason, { env: { XDG_RUNTIME_DIR } });
      assert.deepEqual([...Deno.readDirSync(runtime)], []);
    };
    for (const path of [`${home}/outer`, runtime]) {
      Deno.chownSync(path, 65534, 65534);
      await expectUnsafe(/belongs to another user/, runtime);
      Deno.chownSync(path, 0, 0);
    }
    await new Deno.Command("chown", { args: ["-h", "65534", link] }).output();
    await expectUnsafe(/link belongs to another user/, link);
  },
});

Deno.test({
  name: "[shared.folder] a log that is a link to another file is not written",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const log = (await socketOf(shared)).replace(/sock$/, "log");
    const target = `${shared.setup.home}/precious`;
    Deno.writeTextFileSync(target, "mine");
    Deno.removeSync(log);
    Deno.symlinkSync(target, log);
    const relay = shared.start();
    await relay.write(INITIALIZE);
    assert.equal((await relay.waitForEnd()).code, 1);
    assert.match(relay.stderr, /\.log is not the log of a shared gateway\. Fix: remove it/);
    assert.equal(Deno.readTextFileSync(target), "mine");
  },
});

Deno.test({
  name:
    "[shared.folder] without a home folder, sharing is refused, and nothing is written to the working folder",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const { workingFolder } = shared.setup;
    const before = [...Deno.readDirSync(workingFolder)].length;
    const message = /there is no home folder for the sockets of shared gateways\. Fix: set HOME/;
    const args = ["--agent", "tester", "--mcp-config", `${workingFolder}/.mcp.json`];
    const variables = { HOME: "", XDG_RUNTIME_DIR: "", XDG_STATE_HOME: "" };
    await expectRefusal(shared, message, { args, env: variables });
    assert.equal([...Deno.readDirSync(workingFolder)].length, before);
  },
});

Deno.test({
  name:
    "[shared.folder] the socket that a killed daemon leaves is replaced; anything else in its place is left alone",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const socket = await socketOf(shared);
    await shared.connect();
    await shared.killDaemon();
    assert.ok(Deno.lstatSync(socket).isSocket);
    assert.ok(await (await shared.connect()).callServerToolForText("common", "pid"));
    await shared.killDaemon();
    Deno.removeSync(socket);
    Deno.writeTextFileSync(socket, "mine");
    await expectRefusal(shared, /is not the socket of a shared gateway/);
    assert.equal(Deno.readTextFileSync(socket), "mine");
    Deno.removeSync(socket);
    Deno.symlinkSync("/etc/passwd", socket);
    await expectRefusal(shared, /is not the socket of a shared gateway/);
    Deno.removeSync(socket);
  },
});

Deno.test({
  name:
    "[shared.folder] a daemon that is silent, refuses, or is none is reported within seconds, and left alone",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const socket = await socketOf(shared);
    const cases = [
      ["", /does not answer: no first line came within 5000 ms/],
      ["x".repeat(20_000), /does not answer: the first line is too long/],
      ["HTTP/1.1 400 Bad Request\n", /belongs to a program that is not a shared gateway/],
      [
        '{"ok":false,"error":"this shared gateway has version 9"}\n',
        /refused the client: this shared gateway has version 9/,
      ],
    ] as const;
    for (const [answer, message] of cases) {
      const listener = await listenInstead(shared, socket, answer);
      try {
        await expectRefusal(shared, message);
        assert.equal(listener.hasEnded, false);
      } finally {
        listener.sendSignal("SIGKILL");
        await listener.waitForEnd();
        Deno.removeSync(socket);
      }
    }
    assert.ok(await (await shared.connect()).callServerToolForText("common", "pid"));
  },
});

Deno.test({
  name:
    "[shared.folder] the socket of a daemon that closes connections without an answer stays, and the client gets the reason",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const socket = await socketOf(shared);
    const listener = await listenInstead(shared, socket, "", "close");
    const { ino } = Deno.lstatSync(socket);
    const relay = shared.start();
    await relay.write(INITIALIZE);
    const line = await waitUntil("the request is answered", () => relay.lines[0]);
    assert.match(JSON.parse(line).error.message, /each one ended at once/);
    assert.equal(Deno.lstatSync(socket).ino, ino);
    assert.deepEqual(await shared.listDaemonIds(), []);
    await relay.closeInput();
    assert.equal((await relay.waitForEnd()).code, 0);
    listener.sendSignal("SIGKILL");
    await listener.waitForEnd();
    Deno.removeSync(socket);
  },
});

Deno.test({
  name:
    "[shared.commands] ps shows what it knows itself of a daemon, whatever that says, and names one without a status",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const socket = await socketOf(shared);
    const [command, ...words] = await gatewayCommandLine(GATEWAY_COMMAND);
    const { workingFolder: cwd, env } = shared.setup;
    const statuses = [
      ['{"id":"other","state":"dead","socket":"/x","pid":5}', "running", undefined],
      ["no status", "silent", /sends no status/],
      ["5", "silent", /sends no status/],
    ] as const;
    for (const [status, state, problem] of statuses) {
      const listener = await listenInstead(shared, socket, `{"ok":true,"pid":5}\n${status}\n`);
      const ps = new Program({ command, args: [...words, "ps", "--json"], cwd, env });
      await ps.waitForEnd();
      const [report] = JSON.parse(ps.lines.join("\n"));
      assert.deepEqual([report.state, report.socket], [state, socket]);
      assert.equal(report.id, socket.slice(socket.lastIndexOf("/") + 1, -".sock".length));
      if (problem !== undefined) assert.match(report.problem, problem);
      listener.sendSignal("SIGKILL");
      await listener.waitForEnd();
      Deno.removeSync(socket);
    }
  },
});

Deno.test({
  name:
    "[shared.permissions] a relay with fewer permissions than a daemon starts none, and uses none that runs",
  ignore: ignore || !["bundle", "source"].includes(GATEWAY_COMMAND),
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const words = (word: string) => word === "--allow-run" ? "--allow-run=sh" : word;
    await expectRefusal(shared, /fewer permissions than a shared gateway/, { words });
    await shared.connect();
    await expectRefusal(shared, /fewer permissions than a shared gateway/, { words });
  },
});

Deno.test({
  name:
    "[shared.folder] a daemon that is stopped is reported, and serves its clients when it continues",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const session = await shared.connect();
    const pid = await session.callServerToolForText("common", "pid");
    const daemon = await shared.daemonId();
    Deno.kill(daemon, "SIGSTOP");
    try {
      await expectRefusal(shared, /does not answer/);
    } finally {
      Deno.kill(daemon, "SIGCONT");
    }
    assert.equal(await session.callServerToolForText("common", "pid"), pid);
  },
});

Deno.test({
  name:
    "[shared.key] the key in a gateway's command line depends on a secret that only the user can read",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const readKey = async (): Promise<string | undefined> => {
      const sessions = [await shared.connect(), await shared.connect()];
      const args = [`/proc/${await shared.daemonId()}/cmdline`];
      const { stdout } = await new Deno.Command("cat", { args }).output();
      const words = new TextDecoder().decode(stdout).split("\0");
      for (const { program } of sessions) {
        await program.closeInput();
        await program.waitForEnd();
      }
      await waitUntil(
        "the daemon is gone",
        async () => (await shared.listDaemonIds()).length === 0,
      );
      return words[words.indexOf("__daemon") + 1];
    };
    const key = await readKey();
    assert.match(key ?? "", /^[0-9a-f]{64}$/);
    assert.equal(await readKey(), key);
    const path = `${shared.folder}/secret`;
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    Deno.removeSync(path);
    assert.notEqual(await readKey(), key);
    Deno.writeTextFileSync(path, "");
    await expectRefusal(shared, /secret has no secret\. Fix: remove it/);
  },
});

Deno.test({
  name:
    "[shared.start-failure] a relay that can create no files, or finds no programs, says why as the answer to initialize, or works",
  ignore,
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    const socket = await socketOf(shared);
    const lock = socket.replace(/sock$/, "lock");
    Deno.mkdirSync(lock);
    await expectRefusal(shared, /cannot be found or started: .*\.lock/);
    Deno.removeSync(lock);
    const isDeno = GATEWAY_COMMAND !== "npm";
    const session = await shared.connect(isDeno ? { env: { PATH: "" } } : {});
    assert.ok(await session.callGatewayTool("list_servers", {}));
  },
});

Deno.test({
  name: "[shared.start-failure] a folder for sockets that cannot be written is named",
  // Nothing keeps root from writing.
  ignore: ignore || isRoot(),
  async fn() {
    await using shared = await prepareShared({ servers: { common: SHARED } });
    Deno.mkdirSync(shared.folder, { mode: 0o500 });
    await expectRefusal(shared, /cannot be found or started: .*Permission denied/);
    Deno.chmodSync(shared.folder, 0o700);
  },
});

/** Listens on a port in the place of a daemon, and answers each line. */
class FalseDaemon implements AsyncDisposable {
  /** All that clients have sent. */
  received = "";
  readonly #listener: Deno.Listener;
  readonly #answer: string;
  readonly #accepting: Promise<void>;

  constructor(listener: Deno.Listener, answer: string) {
    this.#listener = listener;
    this.#answer = answer;
    this.#accepting = this.#accept();
  }

  async #accept(): Promise<void> {
    const serving: Promise<void>[] = [];
    for await (const connection of this.#listener) serving.push(this.#serve(connection));
    await Promise.all(serving);
  }

  async #serve(connection: Deno.Conn): Promise<void> {
    for await (const bytes of connection.readable) {
      this.received += new TextDecoder().decode(bytes);
      await connection.write(new TextEncoder().encode(this.#answer)).catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
  }
}

function listenIfFree(port: number): Deno.Listener | undefined {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return undefined;
    throw error;
  }
}

Deno.test({
  name:
    "[shared.loopback] a program that listens on the port of a killed gateway gets no secret, and is taken for no gateway",
  ignore,
  async fn() {
    const env = { AGENT_MCP_GATEWAY_LOOPBACK: "1" };
    await using shared = await prepareShared({ servers: { common: SHARED }, env });
    const [command, ...args] = await gatewayCommandLine(GATEWAY_COMMAND);
    const { workingFolder: cwd } = shared.setup;
    const answers = [
      '{"ok":true,"pid":1,"version":"0"}\n',
      `{"nonce":"x","proof":"${"0".repeat(64)}","ok":true,"pid":1,"version":"0"}\n`,
      "HTTP/1.1 400 Bad Request\r\n\r\n",
    ];
    for (const answer of answers) {
      await shared.connect();
      const name = [...Deno.readDirSync(shared.folder)].map(({ name }) => name)
        .find((name) => name.endsWith(".port"));
      const { port, token } = JSON.parse(Deno.readTextFileSync(`${shared.folder}/${name}`));
      await shared.killDaemon();
      // The system frees the port a moment after the process has ended.
      const listener = await waitUntil("the port is free", () => listenIfFree(port));
      await using falseDaemon = new FalseDaemon(listener, answer);
      const ps = new Program({
        command,
        args: [...args, "ps", "--json"],
        cwd,
        env: shared.setup.env,
      });
      await ps.waitForEnd();
      assert.equal(JSON.parse(ps.lines.join(""))[0].state, "dead");
      const session = await shared.connect();
      assert.match(await session.callServerToolForText("common", "pid"), /^\d+$/);
      assert.match(falseDaemon.received, /^(?:\{"nonce":"[0-9a-f-]{36}"\}\n)+$/);
      assert.ok(!falseDaemon.received.includes(token));
    }
  },
});
