import assert from "node:assert/strict";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { executeToolParams, misbehavingServer, startGateway } from "./gateway.ts";
import { environmentWithoutDeno, GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { HttpClient } from "./http_client.ts";
import { assertBoundedMemory, MB, readAnswersAtOnce } from "./peak_memory.ts";
import { measureMemory } from "./fault_cycles.ts";
import {
  cannotPreload,
  MEMORY_MODULE,
  startPreloaded,
  startWrapped,
  withPreload,
} from "./fault_preload.ts";
import { Setup } from "./setup.ts";
import { waitUntil, withTimeout } from "./wait.ts";

const isLinux = Deno.build.os === "linux";

/** Calls `list_servers` as another agent until an attack has ended; throws if a call is not answered. */
async function callDuring(client: HttpClient, attack: Promise<unknown>): Promise<void> {
  let hasEnded = false;
  void attack.finally(() => hasEnded = true);
  while (!hasEnded) {
    const call = client.callGatewayToolForOutcome("list_servers");
    assert.equal(await withTimeout("the other agent's call is answered", call), "ok");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * POSTs a message in pieces, so that this process stays able to measure.
 *
 * @returns The status of the response, and the code of the refusal, if it is one.
 */
async function postLong(
  client: HttpClient,
  { head, paddingBytes, tail }: { head: string; paddingBytes: number; tail: string },
): Promise<string> {
  const { hostname, port } = new URL(client.url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const headers = new Headers({
    ...client.headers,
    host: `${hostname}:${port}`,
    "content-length": String(head.length + paddingBytes + tail.length),
  });
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const encoder = new TextEncoder();
  const write = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  };
  try {
    await write(encoder.encode(`POST /mcp HTTP/1.1\r\n${lines}\r\n${head}`));
    const piece = new Uint8Array(250_000).fill(120);
    for (let sent = 0; sent < paddingBytes; sent += piece.length) await write(piece);
    await write(encoder.encode(tail));
  } catch {
    // The gateway has refused the body, and reads no more of it.
  }
  const buffer = new Uint8Array(64 * 1024);
  const count = await connection.read(buffer) ?? 0;
  const answer = new TextDecoder().decode(buffer.subarray(0, count));
  const [, status = ""] = /^HTTP\/1.1 (\d+)/.exec(answer) ?? [];
  return `${status}${/RATE_LIMITED/.exec(answer)?.[0] ?? ""}`;
}

/** Returns rules with agents that may call every tool, each with the token `amg_NAME`. */
function rulesFor(...agents: string[]): Record<string, unknown> {
  return {
    agents: Object.fromEntries(agents.map((name) => {
      return [name, { allow: { servers: ["*"] }, token_sha256: [sha256(`amg_${name}`)] }];
    })),
  };
}

Deno.test({
  name:
    "[memory.calls] calls whose long arguments exceed the agent's share of the memory are refused, and another agent's calls are answered meanwhile",
  ignore: !isLinux,
  fn: async () => {
    await using gateway = await startGateway({
      servers: { odd: misbehavingServer() },
      rules: rulesFor("large", "small"),
      transport: "http",
      initialize: false,
    });
    const [large, small] = [
      new HttpClient(gateway, "amg_large"),
      new HttpClient(gateway, "amg_small"),
    ];
    await large.openSession();
    await small.openSession();
    const callWithPadding = async (id: number): Promise<string> => {
      const args = { server: "odd", tool: "wait", args: { padding: "?" } };
      const params = { name: "execute_tool", arguments: args };
      const message = JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params });
      const [head = "", tail = ""] = message.split("?");
      return await postLong(large, { head, paddingBytes: 25 * MB, tail });
    };
    const calls = Promise.all(Array.from({ length: 16 }, (_, id) => callWithPadding(id + 10)));
    await callDuring(small, calls);
    const outcomes = Object.groupBy(await calls, (outcome) => outcome);
    // Each call takes 50 MB. The share has room for two of them, and for a part of the messages being read.
    assert.ok((outcomes["200"]?.length ?? 0) <= 2, JSON.stringify(outcomes));
    assert.ok((outcomes["503"] ?? outcomes["200RATE_LIMITED"] ?? []).length > 0);
    await assertBoundedMemory(gateway.program.pid);
    await gateway.kill();
  },
});

Deno.test({
  name:
    "[memory.unread-server] calls that time out before a blocked server has read them take no memory, and other servers' calls are answered",
  ignore: !isLinux,
  fn: async () => {
    await using gateway = await startGateway({
      servers: { blocked: misbehavingServer("--block"), odd: misbehavingServer() },
    });
    assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
    // Every process of the server blocks, because the gateway replaces one that answers no ping.
    const blockingCall = { server: "blocked", tool: "count", timeout_ms: 1000 };
    assert.equal((await gateway.expectRefusal("execute_tool", blockingCall)).code, "TIMEOUT");
    const args = { padding: "x".repeat(4 * MB) };
    for (let count = 0; count < 100; count++) {
      const params = { server: "blocked", tool: "count", args, timeout_ms: 1 };
      assert.equal((await gateway.expectRefusal("execute_tool", params)).code, "TIMEOUT");
    }
    assert.equal(await gateway.callServerToolForText("odd", "count"), "2");
    await assertBoundedMemory(gateway.program.pid, 450);
    await gateway.kill();
  },
});

Deno.test({
  name:
    "[memory.unread-pings] a server that writes pings without end and reads no answers loses its session before the answers take much memory",
  ignore: !isLinux,
  fn: async () => {
    const initialized =
      '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}}}}';
    const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    await using gateway = await startGateway({
      servers: {
        floods: {
          command: "sh",
          args: ["-c", `read -r line; echo '${initialized}'; yes '${ping}'`],
        },
        odd: misbehavingServer(),
      },
    });
    const refusal = gateway.expectRefusal("execute_tool", { server: "floods", tool: "x" });
    assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
    assert.equal((await refusal).code, "SERVER_UNAVAILABLE");
    await assertBoundedMemory(gateway.program.pid, 300);
  },
});

Deno.test({
  name:
    "[memory.unread-session] cancelled calls that one agent's session of a server has not read make no call of another agent's session fail",
  ignore: !isLinux,
  fn: async () => {
    await using gateway = await startGateway({
      servers: { odd: misbehavingServer() },
      rules: rulesFor("first", "second"),
      env: { GATEWAY_MAX_HELD: "64" },
      transport: "http",
      initialize: false,
    });
    const callCount = (client: HttpClient, paddingMb: number, timeoutMs = 30_000) => {
      const args = { padding: "x".repeat(paddingMb * MB) };
      const params = { server: "odd", tool: "count", args, timeout_ms: timeoutMs };
      return client.callGatewayToolForOutcome("execute_tool", params);
    };
    const [first, second] = [
      new HttpClient(gateway, "amg_first"),
      new HttpClient(gateway, "amg_second"),
    ];
    await first.openSession();
    await second.openSession();
    assert.equal(await callCount(second, 0), "ok");
    const block = {
      name: "execute_tool",
      arguments: { server: "odd", tool: "block", timeout_ms: 60_000 },
    };
    const blocked = first.sendMessage({ id: 3, method: "tools/call", params: block })
      .then((response) => response.text())
      .catch(() => {});
    // A part of the call is in the pipe, so the rest of it stays queued after its timeout.
    assert.equal(await callCount(first, 6, 3000), "TIMEOUT");
    // Each share is 16 MiB.
    assert.equal(await callCount(second, 11), "ok");
    assert.equal(await callCount(first, 6), "RATE_LIMITED");
    await gateway.kill();
    await blocked;
  },
});

Deno.test({
  name:
    "[memory.unread-client] log messages for a client over stdio that does not read are dropped, and the call is answered when the client reads",
  ignore: !isLinux,
  fn: async () => {
    const [command, ...commandArgs] = await gatewayCommandLine(GATEWAY_COMMAND);
    const setup = new Setup({
      servers: { odd: misbehavingServer() },
      env: environmentWithoutDeno(GATEWAY_COMMAND),
    });
    const child = new Deno.Command(command, {
      args: [...commandArgs, "--agent", "tester"],
      cwd: setup.workingFolder,
      env: setup.env,
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let stderr = "";
    const stderrRead = child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
      new WritableStream({ write: (text) => void (stderr += text) }),
    );
    const initialize = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "client", version: "1" },
    };
    const messages = [
      { id: 1, method: "initialize", params: initialize },
      { method: "notifications/initialized" },
      {
        id: 2,
        method: "tools/call",
        params: executeToolParams("odd", "log", { count: 4000, length: 100_000 }),
      },
    ];
    const input = child.stdin.getWriter();
    const lines = messages.map((message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    await input.write(new TextEncoder().encode(lines.join("")));
    await waitUntil("messages are dropped", () => /messages of servers are dropped/.test(stderr));
    // The server answers the call after it has written all of its log messages.
    await waitUntil("the call is recorded", () => {
      return setup.readAuditLog().some(({ tool }) => tool === "log");
    });
    await assertBoundedMemory(child.pid, 400);
    let hasAnswer = false;
    let tail = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      tail = (tail + text).slice(-100_000);
      if (!/"id":2,"result":/.test(tail)) continue;
      hasAnswer = true;
      await input.close();
    }
    assert.ok(hasAnswer);
    assert.equal((await child.status).code, 0, stderr);
    await stderrRead;
    await setup.close(5000);
  },
});

Deno.test({
  name:
    "[memory.server-requests] of 40 elicitations of 8 MB that a client leaves unanswered, those beyond the server's share of the memory are refused",
  ignore: !isLinux,
  fn: async () => {
    await using gateway = await startGateway({
      servers: { odd: misbehavingServer() },
      initialize: { capabilities: { elicitation: {} } },
    });
    gateway.client.setRequestHandler("elicitation/create", () => new Promise(() => {}));
    const args = { count: 40, length: 8 * MB };
    assert.equal(await gateway.callServerToolForText("odd", "ask_many", args), "32");
    await assertBoundedMemory(gateway.program.pid);
  },
});

Deno.test("[memory.answers] a result of 60 MB passes if there are several agents", async () => {
  const agent = { allow: { servers: ["*"] } };
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    rules: { agents: { first: agent, second: agent } },
  });
  const length = 60 * MB;
  const caller = { agent_id: "first" };
  const text = await gateway.callServerToolForText("odd", "big", { length }, caller);
  assert.equal(text.length, length);
});

Deno.test({
  name:
    "[memory.ended-calls] the sessions of servers keep neither the arguments nor the results of calls that have ended",
  ignore: cannotPreload || Deno.build.os === "windows",
  fn: async () => {
    const names = Array.from({ length: 5 }, (_, number) => `odd${number}`);
    await using gateway = await startPreloaded(MEMORY_MODULE, {
      servers: Object.fromEntries(names.map((name) => [name, misbehavingServer()])),
      env: {
        GATEWAY_AGENT: "tester",
        GATEWAY_INIT_STRATEGY: "lazy",
        DENO_V8_FLAGS: "--expose-gc",
      },
    });
    const text = "x".repeat(10 * MB);
    for (const name of names) {
      const answer = await gateway.callServerToolForText(name, "echo", { text });
      assert.ok(answer.includes(text));
    }
    const { used } = await measureMemory(gateway, 1);
    assert.ok(used < 50 * MB, `${used} bytes`);
  },
});

Deno.test({
  name: "[memory.kept-text] a list of tools does not keep what a server sends beside its pages",
  ignore: cannotPreload || Deno.build.os === "windows",
  fn: async () => {
    const flags = ["--page-size=1", "--extra=20", `--padding=${5 * MB}`];
    await using gateway = await startPreloaded(MEMORY_MODULE, {
      servers: { odd: misbehavingServer(...flags) },
      env: { GATEWAY_AGENT: "tester", DENO_V8_FLAGS: "--expose-gc" },
    });
    assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
    const { used } = await measureMemory(gateway, 1);
    assert.ok(used < 50 * MB, `${used} bytes`);
  },
});

Deno.test({
  name: "[memory.kept-text] active calls do not keep the other messages of their batches",
  ignore: cannotPreload || Deno.build.os === "windows",
  fn: async () => {
    const setup = new Setup({
      servers: { odd: misbehavingServer() },
      env: { GATEWAY_AGENT: "tester", DENO_V8_FLAGS: "--expose-gc" },
    });
    await using gateway = await startWrapped(setup, withPreload(MEMORY_MODULE));
    await gateway.client.initialize({ protocolVersion: "2025-03-26" });
    const padding = "x".repeat(5 * MB);
    const notification = { jsonrpc: "2.0", method: "notifications/other", params: { padding } };
    for (let id = 100; id < 120; id++) {
      const params = executeToolParams("odd", "wait");
      const call = { jsonrpc: "2.0", id, method: "tools/call", params };
      await gateway.client.sendLine(JSON.stringify([call, notification]));
    }
    await waitUntil("the server has all calls", async () => {
      return await gateway.callServerToolForText("odd", "waiting") === "20";
    });
    const { used } = await measureMemory(gateway, 1);
    assert.ok(used < 50 * MB, `${used} bytes`);
    await gateway.kill();
  },
});

Deno.test("[memory.calls] a result and arguments of 60 MB pass", async () => {
  await using gateway = await startGateway({ servers: { odd: misbehavingServer() } });
  const length = 60 * MB;
  assert.equal((await gateway.callServerToolForText("odd", "big", { length })).length, length);
  const padding = "x".repeat(length);
  assert.equal(await gateway.callServerToolForText("odd", "count", { padding }), "1");
});

Deno.test({
  name:
    "[memory.answers] answers of a remote server at the same time take at most the server's share of the memory",
  ignore: !isLinux,
  fn: () => readAnswersAtOnce("application/json"),
});
