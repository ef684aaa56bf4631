import assert from "node:assert/strict";
import { join } from "node:path";
import { misbehavingServer, type RunningGateway, startGateway } from "./gateway.ts";
import { runOnce } from "./run_once.ts";
import { waitUntil, withTimeout } from "./wait.ts";

const isWindows = Deno.build.os === "windows";

/** Number of calls; their audit lines are more than a pipe and the gateway's queue can hold. */
const MANY_CALLS = 6000;

/** Calls `list_servers` a number of times, 500 calls at a time. */
async function listServersRepeatedly(gateway: RunningGateway, count: number): Promise<void> {
  for (let done = 0; done < count; done += 500) {
    await Promise.all(
      Array.from({ length: 500 }, () => gateway.callGatewayToolForJson("list_servers")),
    );
  }
}

/** Ends a gateway whose log or audit log nobody reads, and checks that it ends within 5 s. */
async function endQuickly(gateway: RunningGateway): Promise<void> {
  const startedMs = performance.now();
  await gateway.end();
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs < 5000, `${tookMs} ms`);
}

/** Reads the first line from a pipe. */
async function readLine(pipe: Deno.FsFile): Promise<string> {
  const buffer = new Uint8Array(64 * 1024);
  let text = "";
  while (!text.includes("\n")) {
    const count = await pipe.read(buffer);
    text += new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  }
  return text.split("\n", 1)[0] ?? "";
}

/** A folder that is removed at the end of its block. */
function makeTempFolder(): Disposable & { readonly path: string } {
  const path = Deno.makeTempDirSync();
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Creates a named pipe. */
async function makePipe(path: string): Promise<void> {
  assert.ok((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
}

for (const format of ["text", "json"]) {
  Deno.test(`[log.unread] if nobody reads the log as ${format}, calls are answered and dropped lines are reported`, async () => {
    const gateway = await startGateway({
      servers: { odd: misbehavingServer() },
      env: { GATEWAY_LOG_LEVEL: "debug", GATEWAY_LOG_FORMAT: format },
      leavesStderrUnread: true,
    });
    try {
      const say = "a line that the log has at debug level\n".repeat(50_000);
      const crashed = await gateway.expectRefusal("execute_tool", {
        server: "odd",
        tool: "crash",
        args: { say },
      });
      assert.equal(crashed.code, "SERVER_UNAVAILABLE");
      assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
      gateway.program.readStderr();
      const dropped = await waitUntil("the log reports the dropped lines", () => {
        return /Lines of the log were dropped.*dropped\D+(\d+)/.exec(gateway.program.stderr)?.[1];
      });
      assert.ok(Number(dropped) > 1000, dropped);
      // The lines before and after the gap are complete.
      const lines = gateway.program.stderr.split("\n").filter((line) =>
        line.includes("a line that")
      );
      assert.ok(lines.length + Number(dropped) >= 50_000, `${lines.length} and ${dropped}`);
      assert.equal(new Set(lines.map((line) => line.replace(/"time":"[^"]*"/, ""))).size, 1);
      await gateway.end();
      assert.match(gateway.program.stderr, /Ending: the client is gone/);
    } catch (error) {
      await gateway.kill();
      throw error;
    }
  });
}

Deno.test("[log.unread] a gateway whose log nobody reads ends with its client", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    env: { GATEWAY_LOG_LEVEL: "debug" },
    leavesStderrUnread: true,
  });
  const say = "a line that fills the pipe\n".repeat(50_000);
  await gateway.callGatewayTool("execute_tool", { server: "odd", tool: "crash", args: { say } });
  await endQuickly(gateway);
});

Deno.test({
  name:
    "[audit.unread] if nobody reads an audit pipe, calls are answered and dropped lines are counted",
  ignore: isWindows,
  fn: async () => {
    using folder = makeTempFolder();
    const path = join(folder.path, "audit.fifo");
    await makePipe(path);
    await using gateway = await startGateway({ env: { GATEWAY_AUDIT_LOG: path } });
    await listServersRepeatedly(gateway, MANY_CALLS);
    await waitUntil(
      "the log reports the unread pipe",
      () => /Nothing reads the audit log/.test(gateway.program.stderr),
    );
    let text = "";
    const decoder = new TextDecoder();
    using reader = await Deno.open(path, { read: true, write: true });
    const reading = (async () => {
      const buffer = new Uint8Array(64 * 1024);
      for (;;) {
        const count = await reader.read(buffer);
        text += decoder.decode(buffer.subarray(0, count ?? 0), { stream: true });
        if (text.endsWith("\n") && text.includes('"last"')) return;
      }
    })();
    const dropped = await waitUntil("the log reports the count", () => {
      return /The audit log is read again.* dropped=(\d+)/.exec(gateway.program.stderr)?.[1];
    });
    const params = { name: "list_servers", arguments: {} };
    await gateway.client.request("tools/call", params, "last");
    await reading;
    const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.ok(Number(dropped) > 500, dropped);
    assert.equal(lines.length + Number(dropped), MANY_CALLS + 1);
    await gateway.end();
  },
});

Deno.test({
  name: "[audit.unread] an audit pipe that nobody reads does not delay the end of the gateway",
  ignore: isWindows,
  fn: async () => {
    using folder = makeTempFolder();
    const path = join(folder.path, "audit.fifo");
    await makePipe(path);
    await using gateway = await startGateway({ env: { GATEWAY_AUDIT_LOG: path } });
    await listServersRepeatedly(gateway, 1000);
    await endQuickly(gateway);
    assert.match(gateway.program.stderr, /^error: Entries of the audit log were lost/m);
  },
});

Deno.test({
  name: "[audit.unread] a pipe that replaces the audit file, or another pipe, delays no call",
  ignore: isWindows,
  fn: async () => {
    using folder = makeTempFolder();
    const path = join(folder.path, "audit.jsonl");
    const replaceWithPipe = async (): Promise<void> => {
      // By a rename, because the gateway creates a missing file again.
      await makePipe(`${path}.pipe`);
      Deno.renameSync(`${path}.pipe`, path);
    };
    await using gateway = await startGateway({ env: { GATEWAY_AUDIT_LOG: path } });
    await gateway.callGatewayToolForJson("list_servers");
    await replaceWithPipe();
    await waitUntil("the log reports the unread pipe", async () => {
      // A call that waits for the pipe's reader would wait forever.
      await withTimeout("the calls are answered", listServersRepeatedly(gateway, 500), 10_000);
      return /Nothing reads the audit log/.test(gateway.program.stderr);
    });
    await replaceWithPipe();
    using reader = await Deno.open(path, { read: true, write: true });
    const line = readLine(reader);
    let hasLine = false;
    void line.then(() => hasLine = true);
    await waitUntil("the new pipe has a line", async () => {
      await gateway.callGatewayToolForJson("list_servers");
      return hasLine;
    });
    assert.equal(JSON.parse(await line).operation, "list_servers");
    await gateway.end();
  },
});

Deno.test({
  name:
    "[audit.unread] audit lines and log lines on standard error are dropped while nobody reads it",
  ignore: isWindows,
  fn: async () => {
    await using gateway = await startGateway({
      env: { GATEWAY_AUDIT_LOG: "/dev/stderr", GATEWAY_LOG_FORMAT: "json" },
      leavesStderrUnread: true,
    });
    await listServersRepeatedly(gateway, MANY_CALLS);
    gateway.program.readStderr();
    const dropped = await waitUntil("the log reports the dropped lines", () => {
      return /Lines of the log were dropped.*"dropped":(\d+)/.exec(gateway.program.stderr)?.[1];
    });
    await gateway.callGatewayToolForJson("list_servers");
    await gateway.end();
    const lines = gateway.program.stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
    const entries = lines.filter(({ operation }) => operation === "list_servers");
    assert.equal(entries.length + Number(dropped), MANY_CALLS + 1);
  },
});

Deno.test({
  name: "[audit.protocol] standard output can be the audit log only over HTTP",
  ignore: isWindows,
  fn: async () => {
    const env = { GATEWAY_AUDIT_LOG: "/dev/stdout" };

    const { code, stdout, stderr } = await runOnce([], { env });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /GATEWAY_AUDIT_LOG: standard output carries the protocol; /);
    await using gateway = await startGateway({ env, transport: "http" });
    await gateway.callGatewayToolForJson("list_servers");
    const line = await waitUntil(
      "the audit line is on standard output",
      () => gateway.program.lines[0],
    );
    assert.equal(JSON.parse(line).operation, "list_servers");
  },
});

Deno.test({
  name: "[audit.protocol] other paths to the pipe on standard output are recognized",
  ignore: isWindows,
  fn: async () => {
    const folder = Deno.makeTempDirSync();
    const link = `${folder}/link`;
    Deno.symlinkSync("/dev/stdout", link);
    const paths = ["/dev/../dev/stdout", link, "/proc/thread-self/fd/1"]
      .filter((path) => Deno.build.os === "linux" || !path.startsWith("/proc/"));
    const module = new URL("../../src/line_queue.ts", import.meta.url).href;
    // In a process with all permissions: with fewer, Deno opens none of these paths.
    const script = `
      import { standardOutputLines, standardStream } from ${JSON.stringify(module)};
      const results = ${JSON.stringify([...paths, folder])}.map((path) =>
        standardStream(path) === standardOutputLines);
      console.log(JSON.stringify(results));
    `;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", "--no-check", script],
      stdin: "null",
    }).output();
    Deno.removeSync(folder, { recursive: true });
    const found = JSON.parse(new TextDecoder().decode(stdout));
    assert.deepEqual(found, [...paths.map(() => true), false]);
  },
});
