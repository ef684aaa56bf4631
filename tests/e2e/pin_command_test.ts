import assert from "node:assert/strict";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { type Fields, readRefusal } from "./gateway.ts";
import { createTool, listShown, PinFixture } from "./pin_fixture.ts";

const READ = createTool("read", { description: "Reads a file from the disk" });
const WRITE = createTool("write");

Deno.test("[pins.command] pin pins servers that are not pinned, and --update accepts what they offer now", async () => {
  using fixture = new PinFixture({ tools: [READ], prompts: [{ name: "greet" }] });
  const first = await fixture.run("pin");
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout.trim(), "pinned: pinned 1 tool, 1 prompt");
  assert.match(first.stderr, /Wrote .*\.mcp-gateway-lock\.json: commit it/);
  const written = Deno.readTextFileSync(fixture.lockPath);
  fixture.setCatalog({ tools: [WRITE], prompts: [{ name: "greet" }] });
  const again = await fixture.run("pin");
  assert.equal(again.code, 0);
  assert.match(
    again.stdout,
    /pinned: 2 differences\n {2}new {5}tool "write"\n {2}gone {4}tool "read"/,
  );
  assert.match(again.stderr, /--update accepts it/);
  assert.equal(Deno.readTextFileSync(fixture.lockPath), written);
  const updated = await fixture.run("pin", "pinned", "--update");
  assert.equal(updated.code, 0, updated.stderr);
  assert.match(updated.stdout, /accepted 2 differences, pinned 1 tool, 1 prompt/);
  // The server may have listed something else when a person looked at the differences.
  assert.match(
    updated.stdout,
    /\n {2}new {5}tool "write"\n {6}description: \{\+The tool write\+\}/,
  );
  const { servers } = JSON.parse(Deno.readTextFileSync(fixture.lockPath));
  assert.deepEqual(Object.keys(servers.pinned.tools), ["write"]);
  assert.deepEqual(servers.pinned.serverInfo, { name: "catalog", version: "1" });
  assert.equal(
    (await fixture.run("pin")).stdout.trim(),
    "pinned: as it was pinned, 1 tool, 1 prompt",
  );
});

Deno.test("[pins.check] --check changes nothing, and exits with 4 for anything new, changed, gone or edited", async (t) => {
  using fixture = new PinFixture({ tools: [READ, WRITE] });
  const without = await fixture.run("pin", "--check");
  assert.equal(without.code, 1);
  assert.match(without.stderr, /There is no .*lock\.json, so nothing is pinned/);
  await fixture.pin();
  const pinned = Deno.readTextFileSync(fixture.lockPath);
  assert.equal((await fixture.run("pin", "--check", "--strict")).code, 0);
  const cases: Readonly<Record<string, Fields>> = {
    new: { tools: [READ, WRITE, createTool("new")] },
    changed: { tools: [READ, createTool("write", { title: "W" })] },
    gone: { tools: [READ] },
    "another kind": { tools: [READ, WRITE], prompts: [{ name: "greet" }] },
  };
  for (const [name, catalog] of Object.entries(cases)) {
    await t.step(name, async () => {
      fixture.setCatalog(catalog);
      const { code, stdout } = await fixture.run("pin", "--check");
      assert.equal(code, 4, stdout);
      assert.match(stdout, /pinned: 1 difference/);
      assert.equal(Deno.readTextFileSync(fixture.lockPath), pinned);
    });
  }
  await t.step("an icon is no difference", async () => {
    const tools = [{ ...READ, icons: [{ src: "data:,a" }], _meta: { a: 1 } }, WRITE];
    fixture.setCatalog({ tools });
    assert.equal((await fixture.run("pin", "--check")).code, 0);
  });
  await t.step("a definition that was edited by hand", async () => {
    fixture.setCatalog({ tools: [READ, WRITE] });
    Deno.writeTextFileSync(fixture.lockPath, pinned.replace("Reads a file", "Reads any file"));
    const { code, stderr } = await fixture.run("pin", "--check");
    assert.equal(code, 4);
    assert.match(
      stderr,
      /the definition of its tool "read" in the lock file does not have its hash/,
    );
    assert.equal((await fixture.run("pin", "--update")).code, 0);
    assert.equal(Deno.readTextFileSync(fixture.lockPath), pinned);
  });
  await t.step("a server that is not in the servers file", async () => {
    const parsed = JSON.parse(pinned);
    parsed.servers.stray = parsed.servers.pinned;
    Deno.writeTextFileSync(fixture.lockPath, JSON.stringify(parsed));
    const { code, stdout } = await fixture.run("pin", "--check");
    assert.equal(code, 4);
    assert.match(stdout, /stray: not in the servers file; --update removes its pins/);
    assert.equal((await fixture.run("pin", "--update")).code, 0);
    assert.equal(Deno.readTextFileSync(fixture.lockPath), pinned);
  });
  await t.step(
    "a server that is not pinned, or has another version, only with --strict",
    async () => {
      const parsed = JSON.parse(pinned);
      parsed.servers.pinned.serverInfo.version = "0";
      Deno.writeTextFileSync(fixture.lockPath, JSON.stringify(parsed));
      const { code, stderr } = await fixture.run("pin", "--check");
      assert.equal(code, 0);
      assert.match(stderr, /it was catalog 0 when it was pinned, and is catalog 1 now/);
      assert.equal((await fixture.run("pin", "--check", "--strict")).code, 4);
      Deno.writeTextFileSync(fixture.lockPath, '{"version":1,"servers":{}}');
      const unpinned = await fixture.run("pin", "--check");
      assert.equal(unpinned.code, 0);
      assert.match(unpinned.stdout, /pinned: not pinned, 2 tools; agent-mcp-gateway pin pins it/);
      assert.equal((await fixture.run("pin", "--check", "--strict")).code, 4);
    },
  );
});

Deno.test("[pins.command] a server that fails is told, keeps its pins, and makes the exit code 1", async () => {
  using fixture = new PinFixture({ tools: [READ] });
  await fixture.pin();
  const pinned = Deno.readTextFileSync(fixture.lockPath);
  fixture.entry = { command: "no-such-program-at-all" };
  for (const flags of [[], ["--update"], ["--check"], ["--diff"]]) {
    const { code, stderr } = await fixture.run("pin", ...flags);
    assert.equal(code, 1, flags.join());
    assert.match(stderr, /pinned: .*no-such-program-at-all/);
    assert.equal(Deno.readTextFileSync(fixture.lockPath), pinned);
  }
});

Deno.test("[pins.command] flags that contradict one another, and unknown servers, are errors", async () => {
  using fixture = new PinFixture({ tools: [READ] });
  for (
    const [flags, reason] of [
      [["--update", "--check"], /choose one/],
      [["--update", "--diff"], /choose one/],
      [["--strict"], /add --check/],
      [["pined"], /no server "pined" in the configuration; did you mean "pinned"/],
    ] as const
  ) {
    const { code, stderr } = await fixture.run("pin", ...flags);
    assert.equal(code, 2, flags.join());
    assert.match(stderr, reason);
  }
});

Deno.test("[pins.diff] --diff shows changed values word by word, and what is new as a whole", async () => {
  using fixture = new PinFixture({
    tools: [READ, createTool("list", { annotations: { readOnlyHint: true } })],
  });
  await fixture.pin({
    tools: [
      {
        ...READ,
        description: "Reads any file\u200b from the disk",
        inputSchema: { type: "object", properties: { to: {} } },
      },
      createTool("list", { annotations: { readOnlyHint: false } }),
      createTool("new"),
    ],
  });
  const { code, stdout } = await fixture.run("pin", "--diff");
  assert.equal(code, 0);
  assert.equal(
    stdout.trim(),
    [
      "pinned: 3 differences",
      '  changed tool "read"',
      "      description: Reads [-a-]{+any+} file{+\\u200b+} from the disk",
      '      inputSchema.properties: {+{"to":{}}+}',
      '  changed tool "list"',
      "      annotations.readOnlyHint: [-true-]{+false+}",
      '  new     tool "new"',
      "      description: {+The tool new+}",
      '      inputSchema: {+{"type":"object"}+}',
      "      name: {+new+}",
    ].join("\n"),
  );
  assert.equal((await fixture.run("pin", "--diff", "--check")).code, 4);
  const json = JSON.parse((await fixture.run("pin", "--diff", "--json")).stdout);
  assert.deepEqual(
    json.servers[0].differences.map(({ kind, name, change }: Fields) => [kind, name, change]),
    [["tools", "read", "changed"], ["tools", "list", "changed"], ["tools", "new", "new"]],
  );
  assert.deepEqual(json.servers[0].hidden_text.map(({ name, hidden }: Fields) => [name, hidden]), [
    ["read", "zero-width characters"],
  ]);
});

Deno.test("[pins.command] the lock file may be a link, which stays one", async () => {
  using fixture = new PinFixture({ tools: [READ] });
  fixture.root.write("kept/lock.json", '{"version":1,"servers":{}}');
  Deno.symlinkSync("kept/lock.json", fixture.lockPath);
  await fixture.pin();
  assert.ok(Deno.lstatSync(fixture.lockPath).isSymlink);
  assert.match(Deno.readTextFileSync(`${fixture.root.path}/kept/lock.json`), /"read"/);
});

Deno.test("[pins.sandbox] a server in a sandbox is not available if it could change the lock file through a link", async () => {
  using fixture = new PinFixture({ tools: [READ] });
  const cwd = `${fixture.root.path}/server`;
  fixture.entry = { command: "true", cwd, gateway: { sandbox: "bwrap" } };
  const isRefused = async () => {
    const { stdout } = await fixture.run("validate");
    return stdout.replaceAll(/\s+/g, " ").includes("lock.json, a file of the gateway");
  };
  assert.equal(await isRefused(), false);
  fixture.root.write("server/lock.json", '{"version":1,"servers":{}}');
  Deno.symlinkSync("server/lock.json", fixture.lockPath);
  assert.equal(await isRefused(), true);
});

Deno.test("[pins.command] commands at the same time lose no pins", async () => {
  using fixture = new PinFixture({ tools: [READ] });
  await Promise.all(Array.from({ length: 4 }, () => fixture.pin()));
  assert.equal((await fixture.run("pin", "--check")).code, 0);
});

Deno.test("[pins.real] two published versions of a real server: what changed is shown, held back, and can be accepted", async () => {
  await ensureServers();
  using fixture = new PinFixture({ tools: [] });
  const env = { MEMORY_FILE_PATH: `${fixture.root.path}/memory.jsonl` };
  fixture.entry = { command: "node", args: [serverEntry("memory-earlier")], env };
  await fixture.pin();
  {
    await using gateway = await fixture.start();
    assert.equal((await listShown(gateway)).length, 9);
    const { structuredContent } = await gateway.callServerTool("pinned", "read_graph");
    assert.deepEqual(structuredContent, { entities: [], relations: [] });
  }
  fixture.entry = { command: "node", args: [serverEntry("memory")], env };
  const checked = await fixture.run("pin", "--check");
  assert.equal(checked.code, 4, checked.stderr);
  assert.match(checked.stdout, /pinned: 9 differences\n {2}changed tool "create_entities"/);
  const { stdout: difference } = await fixture.run("pin", "--diff");
  assert.match(difference, /annotations: \{\+\{"destructiveHint":false,"idempotentHint":true,/);
  {
    await using gateway = await fixture.start();
    assert.deepEqual(await listShown(gateway), []);
    const refused = await gateway.callServerTool("pinned", "read_graph");
    assert.equal(readRefusal(refused).code, "TOOL_CHANGED");
  }
  assert.equal((await fixture.run("pin", "--update")).code, 0);
  await using gateway = await fixture.start();
  assert.equal((await listShown(gateway)).length, 9);
  const { structuredContent } = await gateway.callServerTool("pinned", "read_graph");
  assert.deepEqual(structuredContent, { entities: [], relations: [] });
});
