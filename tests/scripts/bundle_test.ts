import assert from "node:assert/strict";
import { join } from "node:path";
import { bundle } from "../../scripts/bundle.ts";
import config from "../../deno.json" with { type: "json" };
import { gatewayCommandLine, ROOT } from "../e2e/gateway_command.ts";
import { denoDir, INFO_LOG_ENV, machineEnvironment } from "../e2e/setup.ts";
import { TempFolder } from "./temp_folder.ts";

/** A script that runs before the program and records which built-in modules the program loads. */
const RECORDER = `const { getBuiltinModule } = process;
globalThis.loaded = new Set();
process.getBuiltinModule = (name) => (loaded.add(name), getBuiltinModule(name));
`;

/** A program that uses packages and built-in modules only if it has an argument. */
const PROGRAM = `async function useLazyModule() {
  const { S_BAR, styleText, isDate } = await import("./lazy.ts");
  return [S_BAR, styleText("bold", "loud"), isDate(new Date())];
}
const print = (value: unknown) => console.log(JSON.stringify(value));
const loadedNames = () => [...(globalThis as unknown as { loaded: Set<string> }).loaded].sort();
print(loadedNames());
if (Deno.args.length > 0) void useLazyModule().then((result) => (print(result), print(loadedNames())));
`;
const LAZY_MODULE = `import { styleText, types } from "node:util";
export { S_BAR } from "@clack/prompts";
export { styleText };
export const isDate = (value: unknown): boolean => types.isDate(value);
`;

/** Runs a program, and returns the lines that it prints, parsed as JSON. */
async function runProgram(folder: string, ...words: string[]): Promise<unknown[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-env", "--allow-read", ...words],
    cwd: folder,
    env: { ...machineEnvironment(), DENO_DIR: denoDir(), FORCE_COLOR: "1" },
    clearEnv: true,
    stdin: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("[start.lazy-built-ins] a lazy package loads its built-in modules when it is used", async () => {
  using folder = new TempFolder();
  const imports = { "@clack/prompts": config.imports["@clack/prompts"] };
  folder.write({
    "deno.json": JSON.stringify({ imports, lock: false }),
    "main.ts": PROGRAM,
    "lazy.ts": LAZY_MODULE,
    "recorder.js": RECORDER,
  });
  const output = join(folder.path, "dist", "program.js");
  await bundle({ entry: join(folder.path, "main.ts"), output });
  // Without the sources, the program can only import from the bundle.
  for (const name of ["deno.json", "main.ts", "lazy.ts"]) Deno.removeSync(join(folder.path, name));
  const words = ["--no-config", "--preload", "recorder.js", output];
  assert.deepEqual(await runProgram(folder.path, ...words), [[]]);
  const [loadedAtStart, result, loadedNames] = await runProgram(folder.path, ...words, "use");
  assert.deepEqual(loadedAtStart, []);
  assert.deepEqual(result, ["│", "\u001b[1mloud\u001b[22m", true]);
  assert.ok((loadedNames as string[]).includes("node:readline"), String(loadedNames));
  assert.ok((loadedNames as string[]).includes("node:util"), String(loadedNames));
});

Deno.test("[install.whole-bundle] a program that requires a package outside the bundle is refused", async () => {
  using folder = new TempFolder();
  // esbuild leaves an import that it cannot resolve unchanged if it is inside a `try`.
  folder.write({
    "main.cjs": 'try { require("not-installed-anywhere"); } catch { console.log("without"); }\n',
  });
  const [entry, output] = [join(folder.path, "main.cjs"), join(folder.path, "program.js")];
  await assert.rejects(bundle({ entry, output }), /require\("not-installed-anywhere"\) would find/);
  assert.throws(() => Deno.statSync(output), Deno.errors.NotFound);
});

Deno.test("[install.whole-bundle] a lazy package is imported from inside the bundle", async () => {
  using folder = new TempFolder();
  const imports = { "ioredis": config.imports["ioredis"] };
  folder.write({
    "deno.json": JSON.stringify({ imports, lock: false }),
    "main.ts": 'void import("ioredis").then(({ Redis, default: all }) =>\n' +
      "  console.log(JSON.stringify([typeof Redis, typeof all.Cluster])));\n",
  });
  const output = join(folder.path, "away", "program.js");
  await bundle({ entry: join(folder.path, "main.ts"), output });
  for (const name of ["deno.json", "main.ts"]) Deno.removeSync(join(folder.path, name));
  const lines = await runProgram(folder.path, "--no-config", "--cached-only", output);
  assert.deepEqual(lines, [["function", "function"]]);
});

Deno.test("the bundle is ASCII, so that V8 stores one byte per character", async () => {
  using folder = new TempFolder();
  // The bundler escapes strings, but not regular expressions.
  folder.write({
    "main.ts": 'console.log(JSON.stringify([/^[‘’]$/.test("’"), /^😀$/u.test("😀"), "é"]));\n',
  });
  const output = join(folder.path, "program.js");
  await bundle({ entry: join(folder.path, "main.ts"), output });
  assert.match(Deno.readTextFileSync(output), /^[\0-\x7f]*$/);
  assert.deepEqual(await runProgram(folder.path, "--no-config", output), [[true, true, "é"]]);
});

Deno.test("[install.whole-bundle] the bundle in a clone does not load the clone's packages", async () => {
  await gatewayCommandLine("bundle");
  using folder = new TempFolder();
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // Without --no-config, as users run it.
    args: ["run", "--allow-all", join(ROOT, "dist", "agent-mcp-gateway.js"), "savings", "--help"],
    env: { ...machineEnvironment(), HOME: folder.path, DENO_DIR: join(folder.path, "deno") },
    clearEnv: true,
    stdin: "null",
  }).output();
  const output = new TextDecoder().decode(stderr);
  assert.ok(success, output);
  assert.match(new TextDecoder().decode(stdout), /savings/);
  assert.doesNotMatch(output, /Download/);
});

/** A program that calls some of its functions, but not all. */
const PARTLY_CALLED = `function twice(n: number): number { return n * 2 }
async function* count() { yield once(1); yield (async (n: number) => twice(n))(2) }
const once = (n: number): number => [n].map(function keep(one) { return one })[0] ?? 0;
class Box { #n = 3; get = () => this.#n; static made = (): Box => new Box(); never() { return unused() } }
function unused(): string { return "unused" }
function names(...all: unknown[]): string[] { return all.map((one) => (one as Function).name) }
async function main() {
  const all: number[] = [];
  for await (const one of count()) all.push(one, Box.made().get());
  console.log(JSON.stringify([all, unused.length, names(once, twice, Box.made)]));
  if (all.length === 0) console.log(unused(), new Box().never());
}
void main();
`;

Deno.test("[start.early] functions that a trial run calls are put in parentheses, and the program prints the same", async () => {
  using folder = new TempFolder();
  folder.write({ "main.ts": PARTLY_CALLED });
  const entry = join(folder.path, "main.ts");
  const [plainBundle, earlyBundle] = [join(folder.path, "plain.js"), join(folder.path, "early.js")];
  await bundle({ entry, output: plainBundle });
  await bundle({ entry, output: earlyBundle, trial: { args: [], files: {}, input: "" } });
  const text = Deno.readTextFileSync(earlyBundle);
  assert.match(text, /\nvar \w+=\((?:async )?function/);
  // Methods, and functions that are not called, are unchanged.
  assert.match(text, /[;}]function \w+\(\)\{return"unused"\}/);
  assert.match(text, /never\(\)\{/);
  const [line] = await runProgram(folder.path, plainBundle);
  assert.deepEqual(await runProgram(folder.path, earlyBundle), [line]);
  assert.deepEqual((line as unknown[]).slice(0, 2), [[1, 3, 4, 3], 0]);
});

/** A program that loads a module when its input has a line. */
const LOADS_LATER = `async function main() {
  console.log('"started"');
  if (await Deno.stdin.read(new Uint8Array(1)) === null) return;
  const { later } = await import("./later.ts");
  console.log(JSON.stringify(later()));
}
void main();
`;

Deno.test("[start.chunks-file] chunks that a start does not load can be in a second file, which may be replaced while the program runs", async () => {
  using folder = new TempFolder();
  folder.write({
    "main.ts": LOADS_LATER,
    "later.ts": 'export const later = (): string => "loaded later";\n',
  });
  const output = join(folder.path, "program.js");
  const chunks = join(folder.path, "program-chunks.txt");
  const trial = { args: [], files: {}, input: "" };
  await bundle({ entry: join(folder.path, "main.ts"), output, trial, splits: true });
  assert.doesNotMatch(Deno.readTextFileSync(output), /loaded later/);
  assert.match(Deno.readTextFileSync(chunks), /loaded later/);
  const start = () => {
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-read", "--no-config", output],
      env: { ...machineEnvironment(), DENO_DIR: denoDir() },
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  };
  const loadLater = async (child: Deno.ChildProcess, change: () => void): Promise<string> => {
    const lines = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value, '"started"\n');
    change();
    await new Blob(["\n"]).stream().pipeTo(child.stdin);
    const { value = "" } = await lines.next();
    const errors = await new Response(child.stderr).text();
    await child.status;
    return value + errors;
  };
  // An update of a package puts new files in place of the old ones.
  const replace = (): void => {
    Deno.writeTextFileSync(`${chunks}.new`, "x".repeat(10_000));
    Deno.renameSync(`${chunks}.new`, chunks);
  };
  assert.equal(await loadLater(start(), replace), '"loaded later"\n');
  Deno.writeTextFileSync(chunks, "");
  assert.match(await loadLater(start(), () => {}), /The program's second file is incomplete/);
});

Deno.test("a program that fails in its trial is refused, and no file is written", async () => {
  using folder = new TempFolder();
  folder.write({ "main.ts": "Deno.exit(1);\n" });
  const [entry, output] = [join(folder.path, "main.ts"), join(folder.path, "program.js")];
  const trial = { args: [], files: {}, input: "" };
  await assert.rejects(bundle({ entry, output, trial }), /does not start/);
  assert.throws(() => Deno.statSync(output), Deno.errors.NotFound);
});

Deno.test("a program that cannot work as a bundle is refused, and no file is written", async () => {
  using folder = new TempFolder();
  const output = join(folder.path, "program.js");
  for (
    const [text, message] of [
      ["console.log(import.meta.main);\n", /main\.ts[^]*import\.meta|import\.meta[^]*main\.ts/],
      ["await Promise.resolve();\n", /main\.ts: it cannot run as a function/],
      ['import "./missing.ts";\n', /missing\.ts/],
      ["void import(Deno.args[0] ?? '');\n", /main\.ts: import\([^]*user's machine/],
    ] as const
  ) {
    folder.write({ "main.ts": text });
    await assert.rejects(bundle({ entry: join(folder.path, "main.ts"), output }), message);
    assert.throws(() => Deno.statSync(output), Deno.errors.NotFound);
  }
});

Deno.test("[start.lazy-built-ins] the gateway starts without loading a built-in module", async () => {
  using folder = new TempFolder();
  folder.write({
    ".mcp.json": '{"mcpServers": {}}',
    ".mcp-gateway-rules.json": '{"agents": {}}',
    "recorder.js": `${RECORDER}
      addEventListener("unload", () => console.error("loaded:" + [...loaded].join()));`,
  });
  const [command, ...words] = await gatewayCommandLine("bundle");
  const { stderr } = await new Deno.Command(command, {
    args: ["run", "--preload", join(folder.path, "recorder.js"), ...words.slice(1)],
    cwd: folder.path,
    env: {
      ...machineEnvironment(),
      ...INFO_LOG_ENV,
      DENO_DIR: denoDir(),
      HOME: folder.path,
      GATEWAY_TRUST: "1",
    },
    clearEnv: true,
    stdin: "null",
  }).output();
  const output = new TextDecoder().decode(stderr);
  assert.match(output, /Gateway is ready/);
  assert.match(output, /^loaded:$/m);
});
