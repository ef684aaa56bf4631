import assert from "node:assert/strict";
import { parse } from "jsonc-parser";
import { checkText } from "../../src/config/editing/mod.ts";
import { BACKUP_SUFFIX, InitFixture, KEYS, NOW, removeDescriptions } from "./init_fixture.ts";
import { writeFiles } from "../../src/cli/init/write_files.ts";

const CURSOR = { mcpServers: { one: { command: "x", env: { API_TOKEN: "hush-hush" } } } };
const isPosix = Deno.build.os !== "windows";

function modeOf(path: string): number {
  return (Deno.lstatSync(path).mode ?? 0) & 0o777;
}

Deno.test("[init.yes] [init.rules] the servers file and the rules file are written, and no client's file is changed", async () => {
  using fixture = new InitFixture({ ".cursor/mcp.json": CURSOR });
  const filesBefore = fixture.readFiles();
  const { code, stdout, stderr } = await fixture.run({ yes: true });
  assert.equal(code, 0, stderr);
  const {
    "home/.config/agent-mcp-gateway/.mcp.json": servers = "",
    "home/.config/agent-mcp-gateway/.mcp-gateway-rules.json": rules = "",
    "home/.config/agent-mcp-gateway/init-journal.json": _journal,
    ...clientFiles
  } = fixture.readFiles();
  assert.deepEqual(clientFiles, filesBefore);
  assert.deepEqual([
    ...checkText("servers", { file: "", text: servers }),
    ...checkText("rules", { file: "", text: rules }),
  ], []);
  assert.match(servers, /^\/\/ The servers behind the gateway/);
  assert.match(servers, /\/\/ From Cursor, ~\/\.cursor\/mcp\.json/);
  assert.deepEqual(removeDescriptions(parse(servers).mcpServers), CURSOR.mcpServers);
  // No server was started, so its tools are unknown.
  assert.equal("description" in parse(servers).mcpServers.one, false);
  assert.deepEqual(parse(rules), {
    agents: { developer: { allow: { servers: ["one"] } } },
    defaults: { deny_on_missing_agent: true },
  });
  assert.match(stdout, /# Prompt for the agent/);
  assert.match(stderr, /holds secrets in clear text \(one: env\.API_TOKEN\)/);
  assert.doesNotMatch(stdout + stderr, /hush-hush/);
});

Deno.test({
  name: "[init.mode] files with secrets are readable only by the user",
  ignore: !isPosix,
  fn: async () => {
    using fixture = new InitFixture({ ".cursor/mcp.json": CURSOR });
    fixture.write(".config/agent-mcp-gateway/.mcp.json", { mcpServers: {} });
    Deno.chmodSync(fixture.gatewayPath(".mcp.json"), 0o644);
    await fixture.run({ yes: true });
    assert.equal(modeOf(fixture.gatewayPath(".mcp.json")), 0o600);
    assert.equal(modeOf(fixture.gatewayPath("init-journal.json")), 0o600);
  },
});

Deno.test({
  name:
    "[init.mode] [init.undo] a backup is readable only by the user, and undo keeps the file's mode",
  ignore: !isPosix,
  fn: async () => {
    using fixture = new InitFixture({ ".cursor/mcp.json": CURSOR });
    fixture.write(".config/agent-mcp-gateway/.mcp-gateway-rules.json", { agents: {} });
    const rules = fixture.gatewayPath(".mcp-gateway-rules.json");
    Deno.chmodSync(rules, 0o644);
    const { stderr } = await fixture.run({ yes: true });
    assert.equal(modeOf(rules + BACKUP_SUFFIX), 0o600);
    // The warning about secrets names the backups.
    assert.match(stderr, /one: env\.API_TOKEN[^]*backups[^]*\.mcp-gateway-rules\.json\.backup-/);
    const { code } = await fixture.run({ undo: true });
    assert.equal(code, 0);
    assert.equal(modeOf(rules), 0o644);
  },
});

Deno.test("[init.again] [init.backup] entries are added to the gateway's existing files, with a backup", async () => {
  using fixture = new InitFixture({
    ".cursor/mcp.json": { mcpServers: { one: { command: "other" }, two: { command: "y" } } },
  });
  const serversText =
    '// mine\n{\n  "mcpServers": {\n    // first\n    "one": { "command": "x" }\n  }\n}\n';
  const rules =
    '{\n  "agents": {\n    // he\n    "developer": { "allow": { "servers": ["one"] } },\n' +
    '    "b": {}\n  }\n}\n';
  fixture.write(".config/agent-mcp-gateway/.mcp.json", serversText);
  fixture.write(".config/agent-mcp-gateway/.mcp-gateway-rules.json", rules);
  const { stderr } = await fixture.run({ yes: true });
  const servers = Deno.readTextFileSync(fixture.gatewayPath(".mcp.json"));
  assert.match(servers, /^\/\/ mine\n\{\n {2}"mcpServers": \{\n {4}\/\/ first\n/);
  assert.deepEqual(parse(servers).mcpServers, {
    one: { command: "x" },
    two: { command: "y" },
  });
  const writtenRules = Deno.readTextFileSync(fixture.gatewayPath(".mcp-gateway-rules.json"));
  assert.match(writtenRules, /\/\/ he/);
  assert.deepEqual(parse(writtenRules).agents, {
    developer: { allow: { servers: ["one", "two"] } },
    b: {},
  });
  assert.match(stderr, /skipped "one": the gateway already has another server with that name/);
  for (
    const [name, text] of [[".mcp.json", serversText], [".mcp-gateway-rules.json", rules]] as const
  ) {
    assert.equal(Deno.readTextFileSync(fixture.gatewayPath(name + BACKUP_SUFFIX)), text);
    assert.ok(stderr.includes(`~/.config/agent-mcp-gateway/${name}${BACKUP_SUFFIX}`));
  }
  const secondRun = await fixture.run({ yes: true });
  assert.match(secondRun.stderr, /^Nothing has changed$/m);
});

Deno.test("[init.again] init changes nothing if the gateway's files are invalid", async () => {
  using fixture = new InitFixture({ ".cursor/mcp.json": CURSOR });
  fixture.write(".config/agent-mcp-gateway/.mcp.json", '{\n  "mcpServers": {},,\n}\n');
  const filesBefore = fixture.readFiles();
  const { code, stdout, stderr } = await fixture.run({ yes: true });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /\.mcp\.json:2:20: expected a key/);
  assert.match(stderr, /fix them or move them away/);
  assert.deepEqual(fixture.readFiles(), filesBefore);
});

Deno.test("[init.here] the working folder's file keeps its servers, and gets no comments", async () => {
  using fixture = new InitFixture({
    "../work/.mcp.json": { mcpServers: { near: { command: "n" } } },
    ".cursor/mcp.json": CURSOR,
  });
  const { code, stdout } = await fixture.run({ yes: true, here: true });
  assert.equal(code, 0);
  const servers = fixture.read("../work/.mcp.json");
  assert.deepEqual(Object.keys(JSON.parse(servers).mcpServers), ["near", "one"]);
  assert.deepEqual(JSON.parse(fixture.read(`../work/.mcp.json${BACKUP_SUFFIX}`)), {
    mcpServers: { near: { command: "n" } },
  });
  assert.ok(stdout.includes(JSON.stringify(`${fixture.cwd}/.mcp-gateway-rules.json`)));
  const undone = await fixture.run({ yes: true, undo: true });
  assert.equal(undone.code, 0, undone.stderr);
  assert.deepEqual(Object.keys(fixture.readFiles()).sort(), [
    "home/.cursor/mcp.json",
    "work/.mcp.json",
  ]);
});

Deno.test("[init.here] a new file in the working folder is JSON without comments", async () => {
  using fixture = new InitFixture({ ".cursor/mcp.json": CURSOR });
  await fixture.run({ yes: true, here: true });
  const { mcpServers } = JSON.parse(fixture.read("../work/.mcp.json"));
  assert.deepEqual(removeDescriptions(mcpServers), CURSOR.mcpServers);
});

Deno.test("[init.yes] without servers to import, the servers file is a template", async () => {
  using fixture = new InitFixture();
  const { code, stderr } = await fixture.run({ yes: true });
  assert.equal(code, 0);
  assert.match(stderr, /No server was imported: add yours to /);
  const servers = Deno.readTextFileSync(fixture.gatewayPath(".mcp.json"));
  assert.match(servers, /\/\/ "memory": \{/);
  assert.deepEqual(parse(servers), { mcpServers: {} });
});

Deno.test("[init.from] a client without files and an unknown client are refused", async () => {
  using fixture = new InitFixture();
  const withoutFiles = await fixture.run({ yes: true, from: "cursor" });
  assert.equal(withoutFiles.code, 1);
  assert.match(withoutFiles.stderr, /looked for ~\/\.cursor\/mcp\.json, /);
  const unknownClient = await fixture.run({ yes: true, from: "curser" });
  assert.equal(unknownClient.code, 2);
  assert.match(unknownClient.stderr, /no client "curser"; did you mean "cursor"\?/);
  assert.deepEqual(fixture.readFiles(), {});
});

Deno.test("[init.no-terminal] a run without a terminal and without --yes is a usage error", async () => {
  using fixture = new InitFixture({ ".cursor/mcp.json": CURSOR });
  const { code, stdout, stderr } = await fixture.run({});
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /add --yes/);
});

Deno.test({
  name: "[init.links] a link stays a link, and its target keeps its permissions",
  ignore: !isPosix,
  fn: async () => {
    using fixture = new InitFixture({ "dotfiles/rules.json": '{"agents": {}}' });
    Deno.chmodSync(fixture.pathOf("dotfiles/rules.json"), 0o640);
    Deno.mkdirSync(fixture.gatewayPath(""), { recursive: true });
    Deno.symlinkSync(
      fixture.pathOf("dotfiles/rules.json"),
      fixture.gatewayPath(".mcp-gateway-rules.json"),
    );
    const { code, stderr } = await fixture.run({ yes: true });
    assert.equal(code, 0, stderr);
    assert.ok(Deno.lstatSync(fixture.gatewayPath(".mcp-gateway-rules.json")).isSymlink);
    assert.match(fixture.read("dotfiles/rules.json"), /developer/);
    assert.equal(modeOf(fixture.pathOf("dotfiles/rules.json")), 0o640);
  },
});

for (const name of [".mcp.json", ".mcp-gateway-rules.json"]) {
  Deno.test({
    name: `[init.here] a stranger's folder cannot have a file elsewhere changed: ${name} is a link`,
    ignore: !isPosix,
    fn: async () => {
      using fixture = new InitFixture({
        ".cursor/mcp.json": CURSOR,
        ".claude.json": { mcpServers: {}, agents: {} },
      });
      const link = `${fixture.cwd}/${name}`;
      Deno.symlinkSync(fixture.pathOf(".claude.json"), link);
      const filesBefore = fixture.readFiles();
      const { code, stderr } = await fixture.run({ yes: true, here: true });
      assert.equal(code, 1);
      assert.ok(stderr.includes(`${link} is a link`), stderr);
      assert.deepEqual(fixture.readFiles(), filesBefore);
    },
  });
}

Deno.test({
  name:
    "[init.here] the servers of the working folder's file are shown, and not started unless the person says so",
  ignore: !isPosix,
  fn: async () => {
    using fixture = new InitFixture();
    const mark = fixture.pathOf("started");
    const entry = { command: "touch", args: [mark] };
    const fake = { command: "cat", args: ["two\nlines"] };
    fixture.write("../work/.mcp.json", { mcpServers: { near: entry, "far\n  fake: {}": fake } });
    const { stderr } = await fixture.runAtTerminal([
      [/Start the 2 servers once/, KEYS.enter],
      [/Which agents use the gateway/, KEYS.interrupt],
    ], { here: true });
    const shown = `already has 2 servers:\n  near: ${JSON.stringify(entry)}\n` +
      `  far\\n  fake: {}: ${JSON.stringify(fake)}\n`;
    assert.ok(stderr.includes(shown), stderr);
    assert.deepEqual(Object.keys(fixture.readFiles()), ["work/.mcp.json"]);
    const unasked = await fixture.run({ yes: true, here: true });
    assert.ok(unasked.stderr.includes(shown), unasked.stderr);
  },
});

Deno.test({
  name: "[init.undo-changed] undo removes a link that replaced a file of init, not its target",
  ignore: !isPosix,
  fn: async () => {
    using fixture = new InitFixture({ ".cursor/mcp.json": CURSOR, ".profile": "mine" });
    await fixture.run({ yes: true, here: true });
    const link = `${fixture.cwd}/.mcp.json`;
    Deno.removeSync(link);
    Deno.symlinkSync(fixture.pathOf(".profile"), link);
    const { code, stderr } = await fixture.runAtTerminal([[/Undo the changed files, too/, "y"]], {
      undo: true,
    });
    assert.equal(code, 0, stderr);
    assert.equal(fixture.read(".profile"), "mine");
    assert.throws(() => Deno.lstatSync(link), Deno.errors.NotFound);
  },
});

Deno.test("[init.whole] if one file cannot be written, no file is changed", async () => {
  using fixture = new InitFixture({ "a.json": "1", "b.json": "2" });
  const filesBefore = fixture.readFiles();
  const change = (name: string, edit: (text: string | undefined) => string) => ({
    path: fixture.pathOf(name),
    mode: 0o600,
    edit,
  });
  const options = { journal: fixture.pathOf("journal.json"), now: NOW };
  const edits = [
    change("a.json", () => "changed"),
    change("new.json", () => "made"),
    // Another program writes to the file after it was read and before it is written.
    change("b.json", () => "changed"),
    change("c.json", () => {
      fixture.write("b.json", "2, and more");
      return "made";
    }),
  ];
  await assert.rejects(writeFiles(edits, options), /b\.json: another program has just changed it/);
  assert.deepEqual(fixture.readFiles(), { ...filesBefore, "home/b.json": "2, and more" });
  const invalidEdits = [change("a.json", () => "changed"), change("a.json/below", () => "made")];
  await assert.rejects(writeFiles(invalidEdits, options), /nothing has been changed/);
  assert.deepEqual(fixture.readFiles(), { ...filesBefore, "home/b.json": "2, and more" });
});

Deno.test("[init.undo] [init.undo-changed] undo restores the files, but a file that has changed since only after confirmation", async () => {
  using fixture = new InitFixture({ ".cursor/mcp.json": CURSOR });
  const filesBefore = fixture.readFiles();
  assert.equal((await fixture.run({ undo: true })).code, 1);
  await fixture.run({ yes: true });
  const fullUndo = await fixture.run({ undo: true });
  assert.equal(fullUndo.code, 0, fullUndo.stderr);
  assert.deepEqual(fixture.readFiles(), filesBefore);

  await fixture.run({ yes: true });
  const rules = ".config/agent-mcp-gateway/.mcp-gateway-rules.json";
  fixture.write(rules, '{"agents": {"mine": {}}}');
  const changedFiles = fixture.readFiles();
  const refusedUndo = await fixture.run({ undo: true });
  assert.equal(refusedUndo.code, 1);
  assert.match(
    refusedUndo.stderr,
    /rules\.json has changed since init wrote it, 2026-.*\n.*add --yes/,
  );
  assert.deepEqual(fixture.readFiles(), changedFiles);
  const partialUndo = await fixture.run({ undo: true, yes: true });
  assert.equal(partialUndo.code, 0);
  assert.match(partialUndo.stderr, /^Kept .*rules\.json, which has changed since/m);
  assert.match(partialUndo.stderr, /^Removed .*\.mcp\.json$/m);
  assert.equal(fixture.read(rules), '{"agents": {"mine": {}}}');
  // A file that was kept is no longer part of the undo.
  const furtherUndo = await fixture.run({ undo: true });
  assert.deepEqual([furtherUndo.code, furtherUndo.stderr], [1, "There is no init to undo\n"]);

  fixture.remove(".config");
  await fixture.run({ yes: true });
  fixture.write(rules, '{"agents": {"mine": {}}}');
  const confirmedUndo = await fixture.runAtTerminal([[/Undo the changed files, too/, "y"]], {
    undo: true,
  });
  assert.equal(confirmedUndo.code, 0, confirmedUndo.stderr);
  // Each choice is explained, with the file that keeps the current content.
  assert.match(
    confirmedUndo.stderr,
    /^Yes: (\S+rules\.json) is removed, because it did not exist before init\. What is in it now is saved as \1\.backup-20260131-080509\nNo: nothing is undone; every file stays as it is now\n/m,
  );
  assert.match(
    confirmedUndo.stderr,
    /^Removed (\S+rules\.json); what was in it is saved as \1\.backup/m,
  );
  assert.equal(fixture.read(rules + BACKUP_SUFFIX), '{"agents": {"mine": {}}}');
  assert.deepEqual(Object.keys(fixture.readFiles()), [
    `home/${rules}${BACKUP_SUFFIX}`,
    "home/.cursor/mcp.json",
  ]);
});

Deno.test("[init.undo-changed] the question names the backups of the content before init and of the current content", async () => {
  const name = ".config/agent-mcp-gateway/.mcp.json";
  using fixture = new InitFixture({ ".cursor/mcp.json": CURSOR, [name]: '{"mcpServers": {}}' });
  await fixture.run({ yes: true });
  fixture.write(name, '{"mcpServers": {"mine": {"command": "x"}}}');
  const changedFiles = fixture.readFiles();
  const refusedUndo = await fixture.runAtTerminal([[/Undo the changed files, too/, "n"]], {
    undo: true,
  });
  assert.equal(refusedUndo.code, 130);
  assert.deepEqual(fixture.readFiles(), changedFiles);
  const path = fixture.pathOf(name);
  assert.ok(
    refusedUndo.stderr.includes(
      `Yes: ${path} gets back what was in it before init, from ${path}${BACKUP_SUFFIX}. ` +
        `What is in it now is saved as ${path}${BACKUP_SUFFIX}-2\n`,
    ),
    refusedUndo.stderr,
  );
  const confirmedUndo = await fixture.runAtTerminal([[/Undo the changed files, too/, "y"]], {
    undo: true,
  });
  assert.equal(confirmedUndo.code, 0, confirmedUndo.stderr);
  assert.equal(fixture.read(name), '{"mcpServers": {}}');
  assert.equal(
    fixture.read(`${name}${BACKUP_SUFFIX}-2`),
    '{"mcpServers": {"mine": {"command": "x"}}}',
  );
});

Deno.test("[init.clients] in the home folder, a user's own file is not listed again as a project's", async () => {
  using fixture = new InitFixture({ ".cursor/mcp.json": CURSOR });
  const { machine } = fixture.createOptions();
  const { code, stderr } = await fixture.run({ yes: true }, {
    machine: { ...machine, cwd: fixture.home },
  });
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /belongs to the project|skipped/);
});

Deno.test("[init.undo] undo cleans up after a run that was killed before it wrote the files", async () => {
  using fixture = new InitFixture({ ".cursor/mcp.json": CURSOR });
  const name = ".config/agent-mcp-gateway/.mcp.json";
  fixture.write(name, '{"mcpServers": {}}');
  const filesBefore = fixture.readFiles();
  await fixture.run({ yes: true });
  // A run writes the backups and the journal first. The files are set back to the state after that.
  fixture.write(name, '{"mcpServers": {}}');
  Deno.removeSync(fixture.gatewayPath(".mcp-gateway-rules.json"));
  const { code, stderr } = await fixture.run({ undo: true });
  assert.equal(code, 0, stderr);
  assert.deepEqual(fixture.readFiles(), filesBefore);
});

Deno.test("[init.undo] each undo reverts one more run", async () => {
  using fixture = new InitFixture({ ".cursor/mcp.json": CURSOR });
  const filesBefore = fixture.readFiles();
  await fixture.run({ yes: true });
  const firstServers = Deno.readTextFileSync(fixture.gatewayPath(".mcp.json"));
  fixture.write(".codeium/windsurf/mcp_config.json", { mcpServers: { two: { command: "y" } } });
  await fixture.run({ yes: true });
  assert.notEqual(Deno.readTextFileSync(fixture.gatewayPath(".mcp.json")), firstServers);
  await fixture.run({ undo: true });
  assert.equal(Deno.readTextFileSync(fixture.gatewayPath(".mcp.json")), firstServers);
  await fixture.run({ undo: true });
  Deno.removeSync(fixture.pathOf(".codeium"), { recursive: true });
  assert.deepEqual(fixture.readFiles(), filesBefore);
});

Deno.test("[init.undo] a missing backup is reported, and the file stays", async () => {
  using fixture = new InitFixture({ ".cursor/mcp.json": CURSOR });
  fixture.write(".config/agent-mcp-gateway/.mcp.json", '{"mcpServers": {}}');
  await fixture.run({ yes: true });
  Deno.removeSync(fixture.gatewayPath(`.mcp.json${BACKUP_SUFFIX}`));
  const { code, stderr } = await fixture.run({ undo: true });
  assert.equal(code, 1);
  assert.match(stderr, /Cannot put back .*\.mcp\.json: its backup .* is missing/);
  const { mcpServers } = parse(Deno.readTextFileSync(fixture.gatewayPath(".mcp.json")));
  assert.deepEqual(removeDescriptions(mcpServers), CURSOR.mcpServers);
  const secondRun = await fixture.run({ undo: true });
  assert.match(secondRun.stderr, /There is no init to undo/);
});
