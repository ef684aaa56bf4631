/**
 * Writes the program as one file, of which a start pays for nothing but what it uses.
 *
 * An ES module's imports are loaded before its first line runs. So in a bundle that is one, every
 * built-in module (`node:…`) of every package is loaded at the start, those of packages included
 * that are imported lazily; each costs milliseconds. In CommonJS form they are loaded by
 * `require`, when the module that wants them runs: the bundle has that form, and a first line that
 * makes it run as an ES module.
 *
 * @module
 */

import { dirname } from "node:path";

/** What is made of what. */
export interface BundleOptions {
  /** The file that the program begins with. It must not export, nor await at its top level. */
  readonly entry: string;
  /** The file to write. */
  readonly output: string;
}

/** What every start would pay for, 3 MB of vocabulary, for commands that are rarely used. */
const LEFT_OUT = ["gpt-tokenizer/encoding/o200k_base"];

/** There is nothing else to require: packages are part of the bundle. */
const HEAD = "const require=(name)=>process.getBuiltinModule(name);\n";

/**
 * Writes a program as one minified file, which runs as an ES module.
 *
 * @throws {Error} The program cannot be bundled so that it works.
 */
export async function bundle({ entry, output }: BundleOptions): Promise<void> {
  const text = await runBundler(entry);
  await Deno.mkdir(dirname(output), { recursive: true });
  // Others may be starting what is there: it is replaced in one go.
  const draft = `${output}.${Deno.pid}.tmp`;
  await Deno.writeTextFile(draft, HEAD + text);
  await Deno.rename(draft, output);
}

async function runBundler(entry: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--minify", "--format", "cjs"],
      ...LEFT_OUT.map((name) => `--external=${name}`),
      entry,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stderr);
  if (!success) throw new Error(`Cannot bundle ${entry}:\n${said}`);
  // It would be undefined in the bundle, and works from source.
  const [lost] = /^.*import\.meta.*\n.*$/m.exec(said) ?? [];
  if (lost !== undefined) throw new Error(`Cannot bundle ${entry}:\n${lost}`);
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  const output = "dist/agent-mcp-gateway.js";
  await bundle({ entry: "src/main.ts", output });
  // What a task says is for who runs it.
  // deno-lint-ignore no-console
  console.log(`Wrote ${output}`);
}
