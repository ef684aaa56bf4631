/**
 * Writes the program as one file, of which a start pays for nothing but what it uses.
 *
 * An ES module's imports are loaded before its first line runs. So in a bundle that is one, every
 * built-in module (`node:…`) of every package is loaded at the start, those of packages included
 * that are imported lazily; each costs milliseconds. In CommonJS form they are loaded by
 * `require`, when the module that wants them runs: the bundle has that form, and first lines that
 * make it run as an ES module.
 *
 * A package that is imported lazily stands in the bundle as one function of its own. Otherwise all
 * of its functions would be made at every start, and kept in Deno's cache: some 2,500, or 3 ms.
 *
 * @module
 */

import { dirname, join, resolve } from "node:path";
import config from "../deno.json" with { type: "json" };
import { compileEarly } from "./early_functions.ts";
import { runTrial, SERVE, type Trial } from "./trial.ts";

/** What is made of what. */
export interface BundleOptions {
  /** The file that the program begins with. It must not export, nor await at its top level. */
  readonly entry: string;
  /** The file to write. */
  readonly output: string;
  /**
   * Packages that are only imported lazily, by their names in the import map, and files of `src/`,
   * as their import names them.
   */
  readonly apart?: readonly Apart[];
  /** A run of the program that is to begin quickly. */
  readonly trial?: Trial;
}

type Apart = keyof typeof config.imports | `./${string}`;

/**
 * Modules that the bundle names but does not hold. Loading one fails as it does on a machine that
 * does not have it, and the code around it goes on without.
 */
const LEFT_OUT: readonly string[] = [
  // 3 MB of vocabulary, which every start would pay for. `doctor` and `savings` estimate without it.
  "gpt-tokenizer/encoding/o200k_base",
];

/**
 * Modules that are replaced by an empty one, because nothing here reaches them: the JSON Schema
 * validator of the SDK's `Client` class, a tenth of the bundle, and colours of a debug log.
 */
const EMPTY: readonly string[] = ["./ajvProvider-*", "supports-color"];

/**
 * Packages of the gateway that are imported lazily. zod is one too, but stands with the rest: the
 * eighth of it that is used costs a start nothing that could be measured, the whole of it 2 ms.
 */
const APART = [
  "@clack/prompts",
  "@modelcontextprotocol/client",
  "@opentelemetry/api",
  "@stricli/core",
  "ioredis",
  "jose",
  "./otlp_exporter.ts",
  // Not the package by itself: the bundler would take its command for its library.
  "./read_yaml.ts",
  "smol-toml",
] as const;

/** The folders of files that stand apart; default: `src`. */
const FOLDERS: Readonly<Record<string, string>> = { "./read_yaml.ts": "src/cli/init" };

/**
 * `require` finds the packages that stand apart, and built-in modules. `require.load` is what
 * `import()` of a package becomes: a promise of its exports.
 */
const REQUIRE = "const required=new Map();const require=(name)=>{" +
  "const load=packages[name];if(load===undefined)return process.getBuiltinModule(name);" +
  "let module=required.get(name);if(module===undefined){module={exports:{}};" +
  "required.set(name,module);" +
  "try{load(module,module.exports)}catch(error){required.delete(name);throw error}}" +
  "return module.exports};" +
  "require.load=async(name)=>{const exports=require(name);" +
  "return exports.__esModule?exports:{...exports,default:exports}};\n";

/**
 * Writes the gateway as one file.
 *
 * @param output The file to write.
 */
export async function bundleGateway(output: string): Promise<void> {
  await bundle({ entry: "src/main.ts", output, apart: APART, trial: SERVE });
  // Otherwise Deno would take the clone's own deno.json for the bundle's, and download at the first
  // start every package that is named there.
  await Deno.writeTextFile(join(dirname(output), "deno.json"), "{}\n");
}

/**
 * Writes a program as one minified file, which runs as an ES module.
 *
 * @throws {Error} The program cannot be bundled so that it works.
 */
export async function bundle({ entry, output, apart = [], trial }: BundleOptions): Promise<void> {
  const text = await runBundler(entry, apart);
  const packages: string[] = [];
  for (const name of apart) {
    const file = isFile(name) ? join(FOLDERS[name] ?? "src", name) : config.imports[name];
    const own = await runBundler(file, []);
    packages.push(`${JSON.stringify(name)}:(module,exports)=>{${own}\n}`);
  }
  const head = `const packages={${packages.join(",\n")}};\n${REQUIRE}`;
  await Deno.mkdir(dirname(output), { recursive: true });
  const whole = head +
    (trial === undefined ? text : await hasten({ head, text }, dirname(output), trial));
  // Others may be starting what is there: it is replaced in one go.
  const draft = `${output}.${Deno.pid}.tmp`;
  await Deno.writeTextFile(draft, whole);
  await Deno.rename(draft, output);
}

/** Has what the trial calls compiled with the file. */
async function hasten(
  { head, text }: { readonly head: string; readonly text: string },
  place: string,
  trial: Trial,
): Promise<string> {
  const folder = await Deno.makeTempDir({ dir: resolve(place), prefix: "trial-" });
  try {
    for (const [name, content] of Object.entries(trial.files)) {
      await Deno.writeTextFile(join(folder, name), content);
    }
    const { said, functions } = await runTrial(head + text, folder, trial);
    const offset = head.length;
    const hastened = compileEarly(
      text,
      functions.filter(({ start }) => start >= offset).map(({ start, end, isCalled }) => {
        return { start: start - offset, end: end - offset, isCalled };
      }),
    );
    const again = await runTrial(head + hastened, folder, trial);
    if (said === "" || again.said !== said) {
      throw new Error(
        `The program does not start as before: it says ${JSON.stringify(again.said)}`,
      );
    }
    return hastened;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Bundles a program or a package; what stands apart from it is loaded by `require`. */
async function runBundler(entry: string, apart: readonly string[]): Promise<string> {
  const external = [...LEFT_OUT, ...EMPTY, ...apart];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--minify", "--format", "cjs"],
      ...external.map((name) => `--external=${name}`),
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
  return escapeNonAscii(linkModules(new TextDecoder().decode(stdout), { entry, apart }));
}

/**
 * Keeps the bundle ASCII: one other character, and V8 reads all of it as two bytes a character,
 * which costs each start 8 ms and 2 MB. The bundler leaves such characters in regular expressions.
 */
function escapeNonAscii(text: string): string {
  return text.replaceAll(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Has every module that a bundled text names loaded from inside the bundle.
 *
 * @throws {Error} The text names a module that a user's machine could not find.
 */
function linkModules(
  text: string,
  { entry, apart }: { readonly entry: string; readonly apart: readonly string[] },
): string {
  return text.replaceAll(
    /(?<![\w$.])(import|require)\(("[^"]*"|[^)]*)\)/g,
    (found, kind, argument) => {
      const name = /^"([^"]*)"$/.exec(argument)?.[1];
      if (name !== undefined) {
        if (name.startsWith("node:") || LEFT_OUT.includes(name)) return found;
        if (EMPTY.some((pattern) => matchesPattern(name, pattern))) return "({})";
        if (apart.includes(name)) return kind === "import" ? `require.load("${name}")` : found;
      }
      throw new Error(
        `Cannot bundle ${entry}: ${found} would find nothing on a user's machine. ` +
          "Name the package in APART of scripts/bundle.ts, or import it statically.",
      );
    },
  );
}

function isFile(name: Apart): name is `./${string}` {
  return name.startsWith("./");
}

/** Whether a module's name is the pattern, or begins with it where it ends in `*`. */
function matchesPattern(name: string, pattern: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

if (import.meta.main) {
  const output = "dist/agent-mcp-gateway.js";
  await bundleGateway(output);
  // What a task says is for who runs it.
  // deno-lint-ignore no-console
  console.log(`Wrote ${output}`);
}
