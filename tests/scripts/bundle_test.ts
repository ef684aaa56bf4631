import assert from "node:assert/strict";
import { join } from "node:path";
import { bundle } from "../../scripts/bundle.ts";
import config from "../../deno.json" with { type: "json" };
import { commandWords } from "../e2e/gateway_command.ts";
import { denoDir, machineEnvironment } from "../e2e/setup.ts";
import { TempFolder } from "./temp_folder.ts";

/** Tells which built-in modules have been loaded so far; run before the program. */
const RECORDER = `const { getBuiltinModule } = process;
globalThis.loaded = new Set();
process.getBuiltinModule = (name) => (loaded.add(name), getBuiltinModule(name));
`;

/** A package that imports built-in modules, and uses them when it is used. */
const PROGRAM = `async function ask() {
  const { S_BAR, styleText, isDate } = await import("./lazy.ts");
  return [S_BAR, styleText("bold", "loud"), isDate(new Date())];
}
const say = (value: unknown) => console.log(JSON.stringify(value));
const names = () => [...(globalThis as unknown as { loaded: Set<string> }).loaded].sort();
say(names());
if (Deno.args.length > 0) void ask().then((answer) => (say(answer), say(names())));
`;
const LAZY = `import { styleText, types } from "node:util";
export { S_BAR } from "@clack/prompts";
export { styleText };
export const isDate = (value: unknown): boolean => types.isDate(value);
`;

/** Runs a program and gives the lines that it prints. */
async function run(folder: string, ...words: string[]): Promise<unknown[]> {
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

Deno.test("[start.lazy-built-ins] what a lazy package imports is loaded when it is used", async () => {
  using folder = new TempFolder();
  const imports = { "@clack/prompts": config.imports["@clack/prompts"] };
  folder.write({
    "deno.json": JSON.stringify({ imports, lock: false }),
    "main.ts": PROGRAM,
    "lazy.ts": LAZY,
    "recorder.js": RECORDER,
  });
  const output = join(folder.path, "dist", "program.js");
  await bundle({ entry: join(folder.path, "main.ts"), output });
  // Nothing but the bundle is left to import from.
  for (const name of ["deno.json", "main.ts", "lazy.ts"]) {
    Deno.removeSync(join(folder.path, name));
  }
  const words = ["--no-config", "--preload", "recorder.js", output];
  assert.deepEqual(await run(folder.path, ...words), [[]]);
  const [atStart, answer, loaded] = await run(folder.path, ...words, "use");
  assert.deepEqual(atStart, []);
  assert.deepEqual(answer, ["│", "\u001b[1mloud\u001b[22m", true]);
  assert.ok((loaded as string[]).includes("node:readline"), String(loaded));
  assert.ok((loaded as string[]).includes("node:util"), String(loaded));
});

Deno.test("a program that cannot work as a bundle is refused, and none is written", async () => {
  using folder = new TempFolder();
  const output = join(folder.path, "program.js");
  for (
    const [text, why] of [
      ["console.log(import.meta.main);\n", /main\.ts[^]*import\.meta|import\.meta[^]*main\.ts/],
      ["await Promise.resolve();\n", /[Tt]op-level await[^]*main\.ts/],
      ['import "./missing.ts";\n', /missing\.ts/],
    ] as const
  ) {
    folder.write({ "main.ts": text });
    await assert.rejects(bundle({ entry: join(folder.path, "main.ts"), output }), why);
    assert.throws(() => Deno.statSync(output), Deno.errors.NotFound);
  }
});

Deno.test("[start.lazy-built-ins] the gateway serves without any built-in module", async () => {
  using folder = new TempFolder();
  folder.write({
    ".mcp.json": '{"mcpServers": {}}',
    ".mcp-gateway-rules.json": '{"agents": {}}',
    "recorder.js": `${RECORDER}
      addEventListener("unload", () => console.error("loaded:" + [...loaded].join()));`,
  });
  const [command, ...words] = await commandWords("bundle");
  const { stderr } = await new Deno.Command(command, {
    args: ["run", "--preload", join(folder.path, "recorder.js"), ...words.slice(1)],
    cwd: folder.path,
    env: { ...machineEnvironment(), DENO_DIR: denoDir(), HOME: folder.path },
    clearEnv: true,
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert.match(said, /Gateway is ready/);
  assert.match(said, /^loaded:$/m);
});
