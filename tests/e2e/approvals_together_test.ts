/** Approvals with several calls, several gateways, and gateways that are killed. */
import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { readRefusal } from "./agent_session.ts";
import { startBeside } from "./approval_gateways.ts";
import { ApprovalFixture, askRules, listMailbox, runShell } from "./approval_fixture.ts";
import { describeStdioServer, readEffects } from "./eras_servers.ts";
import { type Fields, startGateway } from "./gateway.ts";
import { environmentWithoutDeno, GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Setup } from "./setup.ts";
import { waitUntil } from "./wait.ts";

Deno.test("[approvals.together] fifty calls wait at once, and each runs when it is allowed", async () => {
  await using fixture = await ApprovalFixture.start();
  const ids = Array.from({ length: 50 }, (_, index) => `call-${index}`);
  const calls = ids.map((id) => fixture.call(id));
  const requests = await fixture.waiting(50);
  const denied = new Set<string>();
  for (const [index, { approval_id: id, args }] of requests.entries()) {
    if (index % 10 === 9) {
      denied.add(String(args.id));
      await fixture.shell("approvals", "deny", id);
    } else if (index < 5) await fixture.allow(id);
    else renameState(fixture.mailbox, id, "allowed");
  }
  const results = await Promise.all(calls);
  for (const [index, id] of ids.entries()) {
    assert.equal(results[index]?.isError, denied.has(id) ? true : undefined, id);
    assert.equal(fixture.effects(id), denied.has(id) ? 0 : 1, id);
  }
  assert.equal(denied.size, 5);
});

/** Decides about a request as the command does, without the time to start it. */
function renameState(mailbox: string, id: string, state: string): void {
  const name = listMailbox(mailbox).find((name) => name.startsWith(id)) ?? "";
  assert.match(name, /\.pending$/);
  Deno.renameSync(`${mailbox}/${name}`, `${mailbox}/${name.replace(/pending$/, state)}`);
}

Deno.test("[approvals.together] equal calls wait for one request, and an approval serves one of them", async () => {
  await using fixture = await ApprovalFixture.start({ times: { wait_s: 20 } });
  const calls = [1, 2, 3].map(() => fixture.call("same"));
  for (const count of [1, 2, 3]) {
    const [request] = await fixture.waiting();
    await fixture.allow(request?.approval_id ?? "");
    await waitUntil("a call has run", () => fixture.effects("same") === count);
    if (count < 3) {
      const [next] = await fixture.waiting();
      assert.notEqual(next?.approval_id, request?.approval_id);
    }
  }
  for (const call of calls) assert.equal((await call).isError, undefined);
  assert.equal(fixture.effects("same"), 3);
});

Deno.test("[approvals.together] several gateways of a user share the requests, and one of them uses an approval", async () => {
  await using fixture = await ApprovalFixture.start({ times: { wait_s: 3 } });
  const others = await Promise.all([1, 2].map(() => startBeside(fixture.gateway.setup)));
  try {
    const calls = [fixture.call("x"), ...others.map(({ call }) => call("x"))];
    // Two gateways may add a request at the same moment, but each approval serves one call.
    await waitUntil("a request waits", () => listMailbox(fixture.mailbox).length > 0);
    const [request] = (await fixture.requests()).filter(({ state }) => state === "pending");
    await fixture.allow(request?.approval_id ?? "");
    const results = await Promise.all(calls);
    const succeeded = results.filter(({ isError }) => isError === undefined);
    assert.equal(succeeded.length, 1);
    assert.equal(fixture.effects("x"), 1);
    for (const result of results) {
      if (result.isError === true) assert.equal(readRefusal(result).code, "APPROVAL_REQUIRED");
    }
    // A request outlives its gateway.
    for (const { program } of others) await program.closeInput();
    await Promise.all(others.map(({ program }) => program.waitForEnd()));
    const [left] = (await fixture.requests()).filter(({ state }) => state === "pending");
    await fixture.allow(left?.approval_id ?? "");
    assert.equal((await fixture.call("x")).isError, undefined);
    assert.equal(fixture.effects("x"), 2);
  } finally {
    for (const { program } of others) program.sendSignal("SIGKILL");
  }
});

Deno.test("[approvals.kill] a gateway that is killed while calls wait, or while it takes an approval, approves nothing twice", async () => {
  const folder = Deno.makeTempDirSync();
  const server = describeStdioServer("earlier", folder, { name: "notes" });
  const setup = new Setup({
    servers: { notes: server.entry },
    rules: askRules({ times: { wait_s: 60 } }),
  });
  const mailbox = `${setup.home}/.local/state/agent-mcp-gateway/approvals`;
  try {
    for (let round = 0; round < 6; round++) {
      const id = `round-${round}`;
      const gateway = await startBeside(setup);
      void gateway.call(id).catch(() => {});
      const pending = await waitUntil("the call waits", () => {
        return listMailbox(mailbox).find((name) => name.endsWith(".pending"));
      });
      if (round > 0) {
        renameState(mailbox, pending.slice(0, 8), "allowed");
        // The gateway is killed some time after that: before, while or after it takes the approval.
        await new Promise((resolve) => setTimeout(resolve, 60 * round));
      }
      gateway.program.sendSignal("SIGKILL");
      await gateway.program.waitForEnd();
      const before = readEffects(server, id).length;
      const [left] = listMailbox(mailbox).filter((name) => !name.endsWith(".tmp"));
      const next = await startBeside(setup);
      const again = next.call(id);
      if (left?.endsWith(".allowed")) {
        // It was not taken, so it serves the next call.
        assert.equal(before, 0);
        assert.equal((await again).isError, undefined);
      } else {
        const waiting = await waitUntil("the call waits again", () => {
          return listMailbox(mailbox).find((name) => name.endsWith(".pending"));
        });
        assert.equal(waiting === pending, round === 0);
        renameState(mailbox, waiting.slice(0, 8), "allowed");
        assert.equal((await again).isError, undefined);
        assert.ok(before <= 1);
      }
      assert.deepEqual(listMailbox(mailbox), []);
      assert.ok(readEffects(server, id).length <= 1 + before);
      await next.program.closeInput();
      await next.program.waitForEnd();
    }
  } finally {
    await setup.close();
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("[approvals.cancelled] a cancelled call withdraws its request, unless another call waits for it", async () => {
  await using fixture = await ApprovalFixture.start();
  const { client } = fixture.gateway;
  const params = {
    name: "execute_tool",
    arguments: { server: "notes", tool: "plain", args: { id: "c" } },
  };
  const send = async () => {
    const id = client.newId();
    await client.sendLine(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params }));
    return id;
  };
  const first = await send();
  const [request] = await fixture.waiting();
  // Progress says that the second call has begun to wait.
  const waits = client.waitForMessage("progress of the second call", ({ method }) => {
    return method === "notifications/progress";
  });
  const second = client.request("tools/call", { ...params, _meta: { progressToken: "second" } });
  await waits;
  await client.notify("notifications/cancelled", { requestId: first });
  const { approval } = await fixture.audited("CANCELLED");
  assert.deepEqual(approval, { id: request?.approval_id }, "the log says that it did not run");
  assert.equal((await fixture.waiting())[0]?.approval_id, request?.approval_id);
  await fixture.allow(request?.approval_id ?? "");
  assert.equal((await second).result?.isError, undefined);
  const third = await send();
  await fixture.waiting();
  await client.notify("notifications/cancelled", { requestId: third });
  await waitUntil("the request is withdrawn", () => listMailbox(fixture.mailbox).length === 0);
  assert.equal(fixture.effects("c"), 1);
});

Deno.test("[approvals.reload] rules that change while a call waits decide again", async () => {
  await using fixture = await ApprovalFixture.start();
  const { setup } = fixture.gateway;
  const reloads = (): number => {
    return fixture.gateway.program.stderr.split("The changed configuration is in force").length;
  };
  const change = async (rules: Fields): Promise<void> => {
    const before = reloads();
    setup.writeFile(".mcp-gateway-rules.json", askRules({ rules }));
    await waitUntil("the rules are reloaded", () => reloads() > before);
  };
  const denied = fixture.call("denied");
  const [request] = await fixture.waiting();
  await change({ deny: { tools: { notes: ["plain"] } } });
  const refusal = readRefusal(await denied);
  assert.deepEqual([refusal.code, refusal.rule], [
    "DENIED_BY_POLICY",
    "agents.writer.deny.tools.notes[0]",
  ]);
  assert.deepEqual(listMailbox(fixture.mailbox), [], "the request is withdrawn");
  assert.equal((await fixture.shell("approvals", "allow", request?.approval_id ?? "")).code, 1);

  await change({});
  const asked = fixture.call("asked");
  await waitUntil("the call waits", () => listMailbox(fixture.mailbox).length === 1);
  await change({ ask: { tools: { notes: ["plain"] } } });
  assert.equal(listMailbox(fixture.mailbox).length, 1);
  await change({ ask: { tools: { notes: ["form"] } } });
  assert.equal((await asked).isError, undefined, "no approval is needed any more");
  assert.equal(fixture.effects("asked"), 1);
  assert.equal((await fixture.audited()).approval, undefined);
  assert.deepEqual(listMailbox(fixture.mailbox), []);
});

Deno.test("[approvals.limits] a call that waits holds no place of a limit, and starts no server", async () => {
  await using fixture = await ApprovalFixture.start({
    rules: {
      limits: { concurrent: 1 },
      allow: { servers: ["notes"], tools: { notes: ["meta"] } },
      ask: { tools: { notes: ["plain"] } },
    },
    env: { GATEWAY_INIT_STRATEGY: "lazy" },
  });
  const calls: Promise<Fields>[] = [];
  for (const id of ["a", "b", "c"]) {
    calls.push(fixture.call(id));
    await fixture.waiting(calls.length);
  }
  const requests = await fixture.requests();
  assert.equal(fixture.server.readJournal().filter((line) => line.startsWith("start")).length, 0);
  const free = await fixture.gateway.callServerTool("notes", "meta");
  assert.equal(free.isError, undefined);
  for (const [index, { approval_id: id }] of requests.entries()) {
    await fixture.allow(id);
    assert.equal((await calls[index])?.isError, undefined);
  }
});

Deno.test("[approvals.nobody] a call is denied, with the reason, if nobody can be asked", async () => {
  const folder = Deno.makeTempDirSync();
  const server = describeStdioServer("earlier", folder, { name: "notes" });
  const options = {
    transport: "stdio",
    servers: { notes: server.entry },
    rules: askRules(),
    args: ["--agent", "writer"],
  } as const;
  await using gateway = await startGateway(options);
  const mailbox = `${gateway.setup.home}/.local/state/agent-mcp-gateway/approvals`;
  Deno.mkdirSync(mailbox, { recursive: true });
  Deno.chmodSync(mailbox, 0o755);
  const refusal = readRefusal(await gateway.callServerTool("notes", "plain", { id: "a" }));
  assert.equal(refusal.code, "DENIED_BY_POLICY");
  assert.match(refusal.message, /and nobody can be asked: other users can access /);
  assert.match(gateway.program.stderr, /nobody can be asked for its approval/);
  Deno.chmodSync(mailbox, 0o700);
  const waiting = gateway.callServerTool("notes", "plain", { id: "a" });
  await waitUntil("the call waits", () => listMailbox(mailbox).length === 1);
  Deno.chmodSync(mailbox, 0o755);
  const stopped = readRefusal(await waiting);
  assert.equal(stopped.code, "DENIED_BY_POLICY");
  assert.deepEqual(readEffects(server, "a"), []);
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("[approvals.again] call can be approved and made again, by another process", async () => {
  const folder = Deno.makeTempDirSync();
  const server = describeStdioServer("earlier", folder, { name: "notes" });
  const setup = new Setup({
    servers: { notes: server.entry },
    rules: askRules({ times: { wait_s: 0 } }),
  });
  const shell = { env: setup.env, cwd: setup.workingFolder };
  try {
    const line = ["call", "notes", "plain", '{"id":"n","big":9007199254740993}'];
    const first = await runShell(shell, line);
    assert.equal(first.code, 1);
    assert.match(first.stderr, /APPROVAL_REQUIRED/);
    const [, id = ""] = /approvals allow (\w{8})/.exec(first.stderr) ?? [];
    assert.equal((await runShell(shell, ["approvals", "allow", id])).code, 0);
    const rounded = ["call", "notes", "plain", '{"id":"n","big":9007199254740992}'];
    assert.equal((await runShell(shell, rounded)).code, 1);
    assert.equal((await runShell(shell, line)).code, 0);
    assert.equal((await runShell(shell, line)).code, 1);
    assert.equal(readEffects(server, "n").length, 1);
  } finally {
    await setup.close();
    Deno.removeSync(folder, { recursive: true });
  }
});

for (const mode of ["legacy", "auto", "modern"] as const) {
  Deno.test({
    name: `[approvals.form] the official client in mode ${mode} asks its person`,
    // The client's close() leaves a timer of 2 s, which would send SIGTERM if the gateway still ran.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const folder = Deno.makeTempDirSync();
      const server = describeStdioServer("earlier", folder, { name: "notes" });
      const setup = new Setup({ servers: { notes: server.entry }, rules: askRules() });
      const [command, ...args] = await gatewayCommandLine(GATEWAY_COMMAND);
      const versionNegotiation = {
        legacy: undefined,
        auto: { mode: "auto" },
        modern: { mode: { pin: "2026-07-28" } },
      }[mode] as { mode: "auto" } | undefined;
      const client = new Client({ name: "official", version: "1" }, {
        capabilities: { elicitation: { form: {} } },
        ...(versionNegotiation === undefined ? {} : { versionNegotiation }),
      });
      const messages: string[] = [];
      client.setRequestHandler("elicitation/create", ({ params }) => {
        messages.push(params.message);
        return messages.length === 1
          ? { action: "accept", content: { decision: "allow_once" } }
          : { action: "decline" };
      });
      await client.connect(
        new StdioClientTransport({
          command,
          args: [...args, "--agent", "writer"],
          cwd: setup.workingFolder,
          env: { ...environmentWithoutDeno(GATEWAY_COMMAND), ...setup.env },
          stderr: "ignore",
        }),
      );
      try {
        const call = (id: string) =>
          client.callTool({
            name: "execute_tool",
            arguments: { server: "notes", tool: "plain", args: { id } },
          });
        assert.equal((await call("yes")).isError, undefined);
        assert.equal((await call("no")).isError, true);
        assert.equal(messages.length, 2);
        assert.match(
          messages[0] ?? "",
          /^The gateway asks for your approval of a call:\n\n {4}agent "writer"\n {4}tool "plain" of server "notes"\n/,
        );
        assert.deepEqual([readEffects(server, "yes").length, readEffects(server, "no").length], [
          1,
          0,
        ]);
      } finally {
        await client.close();
        await setup.close();
        Deno.removeSync(folder, { recursive: true });
      }
    },
  });
}
