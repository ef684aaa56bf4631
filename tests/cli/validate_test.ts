import assert from "node:assert/strict";
import { withErrorReport } from "../../src/cli/error_report.ts";
import { escapeLines } from "../../src/text.ts";
import { validate } from "../../src/cli/validate.ts";
import { runOnce } from "../e2e/run_once.ts";
import { createEnvironment } from "../config/check_files.ts";
import { TempFolder } from "../config/temp_folder.ts";
import { Shell } from "./shell.ts";

const golden = new URL("../golden/config/", import.meta.url).pathname;

/** Runs `validate` in a folder: on the named files, or by default on `mcp.json` and `rules.json`. */
async function validateFolder(
  cwd: string,
  flags: Partial<Parameters<typeof validate>[0]["flags"]> = {},
  fileArguments: readonly string[] = [],
) {
  let [stdout, stderr] = ["", ""];
  const fileFlags = { mcpConfig: "mcp.json", rules: "rules.json" };
  const variables = { HOME: "/home/someone", SET: "value", EMPTY: "", HOST: "example.com" };
  const context = {
    stdout: { write: (text: string) => void (stdout += text) },
    stderr: { write: (text: string) => void (stderr += text) },
  };
  const defaultFlags = { json: false, strict: false, mcpConfig: undefined, rules: undefined };
  const input = {
    flags: { ...defaultFlags, ...(fileArguments.length > 0 ? {} : fileFlags), ...flags },
    args: fileArguments,
    ...context,
  };
  const env = createEnvironment(variables);
  const code = await withErrorReport(context, () => validate(input, { env, cwd }));
  return { code, stdout, stderr };
}

const NAMES = [...Deno.readDirSync(golden)].map(({ name }) => name).sort();

Deno.test("[cli.validate] broken files are reported with positions and advice", async () => {
  let brokenCount = 0;
  for (const name of NAMES) {
    const { code, stdout } = await validateFolder(`${golden}${name}`);
    const expected = Deno.readTextFileSync(`${golden}${name}/expected.txt`);
    assert.equal(stdout, escapeLines(expected), name);
    const errors = expected.split("\n").filter((line) => line.startsWith("error "));
    assert.equal(code, errors.length > 0 ? 1 : 0, name);
    if (errors.length > 0) brokenCount++;
    // An error inside a file has a line and a column.
    const wholeFileError = /^error (mcp|rules)\.json: (there is no|this is a folder|the file is)/;
    for (const line of errors) {
      assert.match(
        line,
        wholeFileError.test(line) ? wholeFileError : /^error (mcp|rules)\.json:\d+:\d+: ./,
        name,
      );
    }
  }
  assert.ok(brokenCount >= 30, `${brokenCount} broken files`);
});

Deno.test("[cli.validate] --json reports every problem, and the position of an unknown key", async () => {
  for (const name of NAMES) {
    const { stdout } = await validateFolder(`${golden}${name}`, { json: true });
    const { errors, warnings, ...otherMembers } = JSON.parse(stdout);
    assert.deepEqual(otherMembers, {});
    const expected = Deno.readTextFileSync(`${golden}${name}/expected.txt`).trimEnd().split("\n");
    assert.equal(errors.length + warnings.length, expected.filter((line) => line !== "").length);
    for (const problem of [...errors, ...warnings]) {
      assert.deepEqual(Object.keys(problem).sort(), ["column", "file", "line", "message", "path"]);
    }
  }
  const { stdout } = await validateFolder(`${golden}unknown_agent_keys`, { json: true });
  const [error] = JSON.parse(stdout).errors;
  assert.deepEqual([error.file, error.line, error.column, error.path], [
    "rules.json",
    1,
    22,
    "agents.a.allowed",
  ]);
});

Deno.test("[cli.validate] warnings lead to exit code 1 only with --strict", async () => {
  const folder = `${golden}odd_keys`;
  assert.equal((await validateFolder(folder)).code, 0);
  const { code, stderr } = await validateFolder(folder, { strict: true });
  assert.equal(code, 1);
  assert.match(stderr, /3 warnings/);
  assert.equal((await validateFolder(`${golden}seed_example`, { strict: true })).code, 0);
});

Deno.test("[cli.validate] files that are too large or not readable are reported", async () => {
  using folder = new TempFolder();
  folder.write("mcp.json", " ".repeat(4 * 1024 * 1024 + 1));
  const rules = folder.write("rules.json", { agents: {} });
  Deno.chmodSync(rules, 0);
  const { code, stdout } = await validateFolder(folder.path);
  assert.equal(code, 1);
  assert.match(stdout, /^error mcp\.json: the file is too large .*at most 4 MiB/m);
  // Root may read everything, and so may everybody on Windows.
  if (mayRead(rules)) return;
  assert.match(stdout, /^error rules\.json: no permission to read .*give the user/m);
});

function mayRead(path: string): boolean {
  try {
    Deno.readTextFileSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}

Deno.test("[cli.validate] [cli.usage-errors] problems are on stdout, the summary is on stderr, and the exit code is set", async () => {
  await using shell = new Shell({ servers: { a: { command: "true" } } });
  const good = await shell.run(["validate"]);
  assert.deepEqual([good.code, good.stdout], [0, ""]);
  assert.match(good.stderr, /^\.mcp\.json: 1 server; .*: 1 agent; no errors$/m);
  shell.setup.writeFile("broken.json", '{"agents": {"a": {"alow": {}}}}');
  const broken = await shell.run(["validate", "--rules", "broken.json"]);
  assert.equal(broken.code, 1);
  assert.match(broken.stdout, /^error broken\.json:1:19: agents\.a\.alow: unknown key; did you/);
  assert.equal(broken.stderr, "1 error\n");
  const json = await shell.run(["validate", "--json", "--rules", "broken.json"]);
  assert.equal(JSON.parse(json.stdout).errors[0].column, 19);
  for (const args of [["--no-such-flag"], ["a", "b", "c"], ["--rules"]]) {
    const { code, stdout } = await shell.run(["validate", ...args]);
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
  }
  const env = { COLUMNS: "80" };
  for (const words of [["validate"], ["doctor"], ["tools"], []]) {
    const missing = await runOnce(words, { servers: false, rules: false, env });
    assert.equal(missing.code, 1);
    const output = (missing.stdout || missing.stderr).replace(
      /^error: The gateway cannot start:\n/,
      "",
    );
    assert.match(
      output,
      /^(?: {2}|error )?\.mcp\.json: not found\n(?: {2}|error )?\.mcp-gateway-rules\.json: not found; run/,
    );
    const lines = output.trimEnd().split("\n");
    assert.ok(lines.length <= 8, output);
    // A path may be longer than a line; it stays whole.
    for (const line of lines) assert.ok(line.length <= 80 || !line.trim().includes(" "), line);
    assert.equal(output.match(/agent-mcp-gateway init/g)?.length, 1);
  }
  const invalidSetting = await runOnce(["validate"], { env: { GATEWAY_PORT: "x" } });
  assert.equal(invalidSetting.code, 1);
  assert.match(invalidSetting.stdout, /GATEWAY_PORT/);
});

Deno.test("[cli.validate-file] a file is recognized by its content, and the other file is found", async () => {
  await using shell = new Shell({ servers: { a: { command: "true" } } });
  const { setup } = shell;
  setup.writeFile("one.json", '{"agents": {"a": {"alow": {}}}}');
  const rules = await shell.run(["validate", "one.json"]);
  assert.equal(rules.code, 1);
  assert.match(rules.stdout, /^error one\.json:1:19: agents\.a\.alow: unknown key/);
  setup.writeFile(
    "two.json",
    '// ours\n{"mcpServers": {"b": {"serverUrl": "https://example.com"}}}',
  );
  const servers = await shell.run(["validate", "two.json"]);
  assert.match(servers.stdout, /^error two\.json:2:23: mcpServers\.b\.serverUrl: .*to "url"$/m);
  // Two files are recognized in any order, even if the syntax of one is invalid.
  setup.writeFile("three.json", '{"agents": {"a": {"allow": {"servers": ["b"]}}},, }');
  for (const order of [["three.json", "two.json"], ["two.json", "three.json"]]) {
    const { code, stdout } = await shell.run(["validate", ...order]);
    assert.equal(code, 1);
    assert.match(stdout, /^error two\.json:2:23: .*\nerror three\.json:1:49: expected a key/);
  }
  setup.writeFile("four.json", '{"agents": {"a": {"allow": {"servers": ["c"]}}}}');
  const strict = await shell.run(["validate", "--strict", "four.json"]);
  assert.equal(strict.code, 1);
  assert.match(
    strict.stdout,
    /^warning four\.json:1:41: .*names server "c", which is not configured/,
  );
  const twoRulesFiles = await shell.run(["validate", "one.json", "four.json"]);
  assert.deepEqual([twoRulesFiles.code, twoRulesFiles.stdout], [2, ""]);
  assert.match(
    twoRulesFiles.stderr,
    /^four\.json is a rules file, but you already named one\.json as one/,
  );
  const rulesTwice = await shell.run(["validate", "--rules", "one.json", "four.json"]);
  assert.deepEqual([rulesTwice.code, rulesTwice.stdout], [2, ""]);
  setup.writeFile("five.json", "{}");
  const unrecognized = await shell.run(["validate", "five.json", "none.json"]);
  assert.equal(unrecognized.code, 1);
  assert.match(
    unrecognized.stdout,
    /^error five\.json: it contains neither "mcpServers" nor "agents"/,
  );
  assert.match(unrecognized.stdout, /^error none\.json: there is no such file$/m);
});

Deno.test("[cli.validate-file] one file is checked alone if the other one does not exist", async () => {
  using folder = new TempFolder();
  folder.write("rules.json", '{"agents": {"a": {}},}');
  const good = await validateFolder(folder.path, {}, ["rules.json"]);
  assert.deepEqual([good.code, good.stdout], [0, ""]);
  assert.match(good.stderr, /^rules\.json: no errors; checked alone, because .* was not found$/m);
});

Deno.test("[settings.unknown-variables] validate and the log warn about unknown variables", async () => {
  const env = { GATEWAY_AGNET: "a" };
  const { code, stdout } = await runOnce(["validate"], { env });
  assert.equal(code, 0);
  assert.match(stdout, /^warning GATEWAY_AGNET: the gateway does not know this variable/m);
  const { stderr } = await runOnce([], { env });
  assert.match(stderr, /GATEWAY_AGNET: .*did you mean "GATEWAY_AGENT"\?/);
});

Deno.test("[cli.validate] many problems of one kind become one line with a count", async () => {
  await using shell = new Shell({ servers: { a: { command: "true" } } });
  const servers = Array.from({ length: 40 }, (_, n) => `server-${n}`);
  const agents = { dev: { allow: { servers: ["a", ...servers] } } };
  shell.setup.writeFile("many.json", { agents });
  const { code, stdout, stderr } = await shell.run(["validate", "--rules", "many.json"]);
  assert.equal(code, 0);
  assert.equal(
    stdout,
    'warning many.json:1:43: agents.dev.allow.servers[1]: agent "dev" names server "server-0", ' +
      "which is not configured; the rule is kept (and 39 more like this: " +
      '"server-1", "server-2", "server-3", …; agent-mcp-gateway validate --json lists them all)',
  );
  assert.match(stderr, /40 warnings/);
  const json = await shell.run(["validate", "--rules", "many.json", "--json"]);
  assert.equal(JSON.parse(json.stdout).warnings.length, 40);
});

Deno.test("[config.all-errors-at-once] validate ends on a file with more errors than fit on the stack, and on rules that match none of many servers", async () => {
  // The errors do not fit on a stack of 200 KB; on one of the usual size, five times as many would not.
  const count = 30_000;
  const env = { DENO_V8_FLAGS: "--stack-size=200" };
  const faulty = Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`s${index}`, { url: 1 }]),
  );
  const tooMany = await runOnce(["validate"], { servers: faulty, env });
  assert.equal(tooMany.code, 1);
  assert.match(tooMany.stdout, /this file has too many errors to list them/);
  const servers = Object.fromEntries(
    Array.from({ length: 8_000 }, (_, index) => [`s${index}`, { command: "x" }]),
  );
  const agents = Object.fromEntries(
    Array.from({ length: 8_000 }, (_, index) => [`a${index}`, {
      allow: { servers: [`s${index}*?a?b`] },
    }]),
  );
  const unmatched = await runOnce(["validate"], { servers, rules: { agents } });
  assert.equal(unmatched.code, 0, unmatched.stdout);
});
