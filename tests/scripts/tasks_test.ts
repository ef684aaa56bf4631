import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { permissionFlags, readPermissionFlags } from "../../scripts/permissions.ts";
import { TempFolder } from "./temp_folder.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("permissions are parsed from a command", () => {
  assert.deepEqual(
    readPermissionFlags(
      "deno run --watch --no-prompt --allow-read=a,b -N --deny-env -A src/main.ts",
    ),
    ["--no-prompt", "--allow-read=a,b", "-N", "--deny-env", "-A"],
  );
});

Deno.test("start has individual permissions, and never prompts", () => {
  const flags = permissionFlags();
  assert.ok(flags.includes("--no-prompt"));
  assert.ok(flags.includes("--allow-read"));
});

Deno.test("dev has no more permissions than start, and gives the gateway those of start", () => {
  const flags = readPermissionFlags(config.tasks.dev.command);
  assert.deepEqual(flags.filter((flag) => !permissionFlags("start").includes(flag)), []);
  const script = Deno.readTextFileSync(new URL("scripts/dev.ts", ROOT));
  assert.match(script, /args: \["run", \.\.\.permissionFlags\("start"\)/);
});

Deno.test("no task allows everything, and each has a description", () => {
  for (const [name, { command, description }] of Object.entries(config.tasks)) {
    assert.doesNotMatch(command, /(^|\s)(-A|--allow-all|-P|--permission-set)(\s|=|$)/, name);
    assert.ok(description, name);
  }
});

Deno.test("the task ok runs test, and .ci/run runs test on a machine without Deno", () => {
  assert.equal(config.tasks.ok.command, "deno task --quiet test");
  const lines = Deno.readTextFileSync(new URL(".ci/run", ROOT)).trimEnd().split("\n");
  assert.equal(lines.at(-1), "exec npx -y deno@2.9.6 task test");
});

Deno.test("every dependency has one exact version, and the lock file is frozen", () => {
  assert.equal(config.lock.frozen, true);
  for (const [name, specifier] of Object.entries(config.imports)) {
    assert.match(specifier, /^npm:(@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+$/, name);
  }
});

/** Runs a command of Deno with the settings of the repository on a temporary file. */
async function runDeno(command: string, file: string, text: string): Promise<string> {
  using folder = new TempFolder();
  folder.write({ [file]: text });
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      command,
      "--config",
      fileURLToPath(new URL("deno.json", ROOT)),
      `${folder.path}/${file}`,
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  assert.equal(success, false);
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

Deno.test("the sanitizers of tests are on", async () => {
  assert.deepEqual(config.test, { sanitizeOps: true, sanitizeResources: true });
  const leak = 'Deno.test("x", () => { setTimeout(() => {}, 60_000); });';
  assert.match(await runDeno("test", "leak_test.ts", leak), /Leaks detected/);
});

Deno.test("deno lint loads the project's own rules", async () => {
  assert.match(await runDeno("lint", "BadName.ts", "export const x = 1;"), /house\/file-name/);
});
