import assert from "node:assert/strict";
import { runOnce } from "../e2e/run_once.ts";
import { Shell } from "./shell.ts";

const RULES = {
  agents: {
    star: { allow: { servers: ["*"] } },
    coder: { allow: { servers: ["*", "gateway"] } },
    limited: { allow: { servers: ["*"] }, limits: { max_result_tokens: 1000 } },
    lister: { allow: { servers: ["gateway"], tools: { gateway: ["run_code"] } } },
  },
};

/** Whether `permissions` prints that this program may be started. */
async function mayStartItself(rules: Record<string, unknown>): Promise<boolean> {
  const { code, stdout, stderr } = await runOnce(["permissions", "--json"], { rules });
  assert.equal(code, 0, stderr);
  const flags: string[] = JSON.parse(stdout).flags;
  const run = flags.find((flag) => flag.startsWith("--allow-run="))?.slice(12).split(",") ?? [];
  if (run.length > 0 && Deno.build.os !== "windows") assert.ok(run.includes("sh"));
  return run.length > 0;
}

Deno.test("commands about the gateway's own server", async (t) => {
  await using shell = new Shell({ servers: {}, rules: RULES });
  const explain = async (agent: string, tool: string) => {
    const { code, stdout } = await shell.run([
      ...["explain", "--agent", agent, "--server", "gateway", "--tool", tool],
    ]);
    return { code, stdout };
  };

  await t.step("[own.commands] explain says why a pattern does not grant it", async () => {
    const denied = await explain("star", "run_code");
    assert.equal(denied.code, 3);
    assert.match(denied.stdout, /^rule: agents\.star\.allow\.servers$/m);
    assert.match(
      denied.stdout,
      /only its name in `allow.servers` grants it, not a pattern such as "\*"/,
    );
    const granted = await explain("coder", "run_code");
    assert.equal(granted.code, 0);
    assert.doesNotMatch(granted.stdout, /only its name/);
  });

  await t.step("[own.read-by-limit] explain names the limit that grants read_result", async () => {
    const { code, stdout } = await explain("limited", "read_result");
    assert.equal(code, 0);
    assert.match(stdout, /^rule: agents\.limited\.limits\.max_result_tokens$/m);
    assert.match(stdout, /result limit +allow by agents\.limited\.limits\.max_result_tokens/);
    assert.equal((await explain("limited", "run_code")).code, 3);
    assert.equal((await explain("star", "read_result")).code, 3);
  });

  await t.step(
    "[own.commands] it is listed, counted and called like any other server",
    async () => {
      const tools = await shell.run(["tools", "--server", "gateway", "--agent", "coder"]);
      assert.equal(tools.code, 0, tools.stderr);
      assert.match(tools.stdout, /^approval_status\(id: string\)/m);
      const doctor = await shell.run(["doctor", "--json"]);
      assert.equal(doctor.code, 0, doctor.stderr);
      const { servers, warnings } = JSON.parse(doctor.stdout);
      assert.deepEqual(servers.map(({ server, ok }: never) => [server, ok]), [["gateway", true]]);
      assert.deepEqual(warnings, []);
      const savings = JSON.parse((await shell.run(["savings", "--json"])).stdout);
      assert.deepEqual(savings.servers.map(({ server }: never) => server), ["gateway"]);
      const args = ["call", "gateway", "approval_status", '{"id": "none-such"}', "--agent"];
      assert.match((await shell.run([...args, "coder"])).stdout, /"status":"unknown"/);
      assert.match((await shell.run([...args, "star"])).stderr, /^DENIED_BY_POLICY: /);
      const all = await shell.run(["explain", "--all", "--json"]);
      const [star, coder, limited] = JSON.parse(all.stdout).agents;
      assert.equal(star.servers[0].decision, "deny");
      assert.equal(coder.servers[0].tools, "all");
      assert.equal(limited.servers[0].tools, "some");
    },
  );

  await t.step(
    "[own.commands] it has no pins and no memory, so it cannot be named there",
    async () => {
      for (const command of ["pin", "refresh"]) {
        const { code, stderr } = await shell.run([command, "gateway"]);
        assert.notEqual(code, 0);
        assert.match(stderr, /The server "gateway" is the gateway's own: it has no entry/);
      }
    },
  );

  await t.step(
    "[own.commands] a call that code may not make is not taken for a misspelt tool",
    async () => {
      const args = JSON.stringify({ code: 'await call("other", "read")' });
      const { code, stderr } = await shell.run([
        ...["call", "gateway", "run_code", args, "--agent", "lister"],
      ]);
      assert.equal(code, 1);
      assert.match(stderr, /^DENIED_BY_POLICY: /m);
      assert.doesNotMatch(stderr, /Did you mean/);
    },
  );

  await t.step(
    "[own.commands] the output of code that fails is printed after its error",
    async () => {
      const args = JSON.stringify({ code: `console.log("seen"); throw new Error("x")` });
      const { code, stderr } = await shell.run([
        ...["call", "gateway", "run_code", args, "--agent", "coder"],
      ]);
      assert.equal(code, 1);
      assert.match(stderr, /^CODE_ERROR: x\n[^]*^logs: seen$/m);
    },
  );

  await t.step("[own.commands] its name completes the name of a server", async () => {
    const { stdout } = await shell.run(["__complete", "tools", "--server", ""]);
    assert.match(stdout, /^gateway\t/m);
  });
});

Deno.test("[own.commands] no command shows the own server where nothing uses it", async () => {
  const rules = { agents: { star: { allow: { servers: ["*"] } } } };
  await using shell = new Shell({ servers: {}, rules });
  assert.deepEqual(JSON.parse((await shell.run(["doctor", "--json"])).stdout).servers, []);
  assert.doesNotMatch((await shell.run(["__complete", "tools", "--server", ""])).stdout, /gateway/);
  const { code, stderr } = await shell.run(["call", "gateway", "run_code", "--agent", "star"]);
  assert.equal(code, 2);
  assert.match(stderr, /serves only agents whose `allow.servers` names it/);
});

Deno.test("[permissions.flags] [own.commands] the program itself may be started only if an agent may run code", async () => {
  const toRules = (allow: unknown, deny?: unknown) => ({ agents: { a: { allow, deny } } });
  assert.equal(await mayStartItself(toRules({ servers: ["*"] })), false);
  assert.equal(await mayStartItself(toRules({ servers: ["gateway"] })), true);
  const others = { servers: ["gateway"], tools: { gateway: ["approval_status"] } };
  assert.equal(await mayStartItself(toRules(others)), false);
  const denied = { tools: { gateway: ["run_*"] } };
  assert.equal(await mayStartItself(toRules({ servers: ["gateway"] }, denied)), false);
});
