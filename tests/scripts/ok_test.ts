import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../../scripts/permissions.ts";
import { TempFolder } from "./temp_folder.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/ok.ts", import.meta.url));

/** Files of a project that passes every check, although its soak test would fail. */
const PROJECT = {
  "deno.json": '{ "test": { "sanitizeOps": true, "sanitizeResources": true } }\n',
  "src/greeting/mod.ts": '/** What to say. */\nexport const greeting = "hello";\n',
  "tests/greeting_test.ts": 'Deno.test("[a.b] one", () => {});\nDeno.test("two", () => {});\n',
  "tests/requirements.ts":
    'export const requirements = [{ id: "a.b", section: "1 a", text: "it is so" }];\n' +
    "export const OPTIONAL = {};\n",
  "tests/soak/long_test.ts": 'Deno.test("long", () => {\n  throw new Error("not here");\n});\n',
};

/** Runs every check in a small temporary project, some of whose files are replaced. */
async function runOk(
  replacements: Readonly<Record<string, string>>,
): Promise<{ code: number; steps: string[]; lines: string[] }> {
  using folder = new TempFolder();
  folder.write({ ...PROJECT, ...replacements });
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissionFlags("soak"), SCRIPT],
    cwd: folder.path,
    stdin: "null",
    stderr: "null",
  }).output();
  const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
  const steps = lines.flatMap((line) => /^== (\w+: \w+)/.exec(line)?.[1] ?? []);
  return { code, steps, lines };
}

Deno.test("ok: every check of a valid project passes, and tests/soak is skipped", async () => {
  const { code, steps, lines } = await runOk({});
  assert.equal(code, 0);
  assert.deepEqual(steps, [
    "fmt: ok",
    "lint: ok",
    "check: ok",
    "doc: ok",
    "servers: ok",
    "shipped: ok",
    "test: ok",
    "requirements: ok",
  ]);
  assert.equal(lines.at(-1), "2 passed, 0 failed");
});

/** A file that makes a step fail, by the name of the step. */
const FAILING_FILES: Readonly<Record<string, readonly [file: string, text: string]>> = {
  fmt: ["src/greeting/mod.ts", "/** What to say. */\nexport const greeting = 'hello'\n"],
  lint: ["tests/greeting_test.ts", "const unused = 1;\n"],
  check: ["tests/greeting_test.ts", 'const text: string = 1;\nDeno.test("one", () => text);\n'],
  doc: ["src/greeting/mod.ts", 'export const greeting = "hello";\n'],
  test: [
    "tests/greeting_test.ts",
    'Deno.test("one", () => {});\nDeno.test("leak", () => {\n' +
    "  setTimeout(() => {}, 60_000);\n});\n",
  ],
  requirements: [
    "tests/greeting_test.ts",
    'Deno.test("[a.b] one", { ignore: true }, () => {});\nDeno.test("two", () => {});\n',
  ],
};

for (const [step, [file, text]] of Object.entries(FAILING_FILES)) {
  Deno.test(`ok: a failure of the step ${step} ends the run`, async () => {
    const { code, steps, lines } = await runOk({ [file]: text });
    assert.equal(code, 1);
    assert.equal(steps.at(-1), `${step}: FAILED`);
    const haveTestsRun = step === "test" || step === "requirements";
    assert.equal(lines.at(-1), haveTestsRun ? "1 passed, 1 failed" : "0 passed, 1 failed");
    if (step === "test") {
      const lastLines = lines.slice(-12).join("\n");
      assert.match(lastLines, /^leak => \.\/tests\/greeting_test\.ts:2:6\nerror: Leaks detected/m);
    }
  });
}
