/**
 * Bundles the program into one file. Each start executes only the parts of the file that it uses.
 *
 * The bundler splits the program into chunks: the lazily imported parts, and the parts that several of
 * them share. In the file, each chunk is a function, which is called when the chunk is first loaded. A
 * built-in module (`node:...`), which takes milliseconds to load, is loaded with the first chunk that
 * imports it.
 *
 * @module
 */

import { basename, dirname, join, resolve } from "node:path";
import {
  FUNCTION_HEAD,
  linkChunks,
  type LinkedChunk,
  writeProgram,
  writeSplitProgram,
} from "./link_chunks.ts";
import { compileEarly } from "./early_functions.ts";
import { partOf } from "../src/program_files.ts";
import { runTrial, SANDBOX_TRIAL, SERVE_TRIAL, type Trial } from "./trial.ts";

/** Options of a bundle. */
export interface BundleOptions {
  /** The main file of the program, without exports and without a top-level `await`. */
  readonly entry: string;
  /** The file to write. */
  readonly output: string;
  /**
   * A part of the program that another process runs alone: the main file of its folder, which only `import()` names. It
   * becomes one chunk with all that it imports, so that neither the part nor the rest loads more chunks because they share
   * some.
   */
  readonly separatePart?: string | undefined;
  /** A run of the program. The functions that it calls are compiled early, to make the start faster. */
  readonly trial?: Trial;
  /** Whether the chunks that the trial does not load are in a second file. Default: no. */
  readonly splits?: boolean;
}

/**
 * Modules that the bundle imports but does not contain. The import fails, and the code that imports the
 * module works without it.
 */
const EXCLUDED: readonly string[] = [
  // Its vocabulary of 3 MB would slow down every start. Without it, `doctor` and `savings` estimate tokens.
  "gpt-tokenizer/encoding/o200k_base",
];

/**
 * Modules that are replaced by an empty module, because the gateway does not use them: the JSON Schema
 * validator of the SDK's `Client` class, a tenth of the bundle, and the colors of a debug log.
 */
const STUBBED: readonly string[] = ["./ajvProvider-*", "supports-color"];

/**
 * Writes the gateway as one file, and beside it a small file for the processes in which code runs, which start faster
 * with it.
 *
 * @param output The file of the gateway.
 * @param options `splits`: the parts of the gateway that its start does not need are in a file of their own.
 */
export async function bundleGateway(
  output: string,
  options: Pick<BundleOptions, "splits"> = {},
): Promise<void> {
  await bundle({
    entry: "src/main.ts",
    output,
    separatePart: "src/relay/mod.ts",
    trial: SERVE_TRIAL,
    ...options,
  });
  await bundle({
    entry: "scripts/part_sandbox.ts",
    output: partOf(output, "sandbox"),
    trial: SANDBOX_TRIAL,
  });
  // Otherwise Deno would use the clone's own deno.json for the bundle, and download every package
  // that it names at the first start.
  await Deno.writeTextFile(join(dirname(output), "deno.json"), "{}\n");
}

/**
 * Writes the relay of the gateway as a file of its own, beside the file of the gateway.
 *
 * @param gateway The file of the gateway.
 */
export async function bundleRelay(gateway: string): Promise<void> {
  const output = partOf(gateway, "relay");
  const temporary = await Deno.makeTempDir({ dir: dirname(output), prefix: "bundle-" });
  try {
    const files = await runBundler("scripts/part_relay.ts", { folder: temporary });
    const [text] = files.values();
    if (files.size !== 1 || text === undefined) throw new Error("The relay must be one file");
    await Deno.writeTextFile(output, text);
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

/**
 * Writes a program as one minified file, which runs as an ES module.
 *
 * @throws {Error} The program cannot be bundled, or the bundle does not start like the program.
 */
export async function bundle(options: BundleOptions): Promise<void> {
  const { entry, output, trial, separatePart, splits = false } = options;
  const folder = dirname(resolve(output));
  await Deno.mkdir(folder, { recursive: true });
  const temporary = await Deno.makeTempDir({ dir: folder, prefix: "bundle-" });
  try {
    const chunks = await linkChunks(await bundleParts({ entry, separatePart }, temporary), {
      entry,
      excluded: EXCLUDED,
      stubbed: STUBBED,
    });
    const optimized = trial === undefined
      ? chunks
      : await optimize(chunks, { entry, folder: temporary, trial });
    // The files are replaced in one step, because another process may be reading them to start the program.
    const replace = async (path: string, text: string): Promise<void> => {
      const temporaryFile = join(temporary, "file");
      await Deno.writeTextFile(temporaryFile, text);
      await Deno.rename(temporaryFile, path);
    };
    if (!splits) return await replace(output, writeProgram(optimized, entry));
    const chunksPath = partOf(output, "chunks");
    const { start, chunksText } = writeSplitProgram(optimized, {
      entry,
      chunksName: basename(chunksPath),
    });
    await replace(chunksPath, chunksText);
    await replace(output, start);
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

/** Bundles a program and its separate part; returns the chunks by file name. */
async function bundleParts(
  { entry, separatePart }: Pick<BundleOptions, "entry" | "separatePart">,
  temporary: string,
): Promise<Map<string, string>> {
  const folder = join(temporary, "chunks");
  if (separatePart === undefined) return await runBundler(entry, { folder });
  const partFolder = basename(dirname(separatePart));
  const path = `/${partFolder}/${basename(separatePart)}`;
  const program = await runBundler(entry, { folder, external: `*${path}` });
  const part = await runBundler(separatePart, { folder: join(temporary, "part") });
  const [text] = part.values();
  if (part.size !== 1 || text === undefined) {
    throw new Error(`Cannot bundle ${separatePart}: it must not import anything on demand`);
  }
  const chunks = new Map<string, string>();
  for (const [name, chunk] of program) {
    const pattern = new RegExp(`import\\("[./]*${path}"\\)`, "g");
    chunks.set(name, chunk.replaceAll(pattern, `import("./${partFolder}.js")`));
  }
  return chunks.set(`./${partFolder}.js`, text);
}

/** Bundles a program as ES modules; returns the chunks by file name. */
async function runBundler(
  entry: string,
  { folder, external }: { readonly folder: string; readonly external?: string },
): Promise<Map<string, string>> {
  const externals = [...EXCLUDED, ...STUBBED, ...external === undefined ? [] : [external]];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--minify", "--format", "esm", "--code-splitting", "--outdir", folder],
      ...externals.map((name) => `--external=${name}`),
      entry,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
  }).output();
  if (!success) {
    throw new Error(`Cannot bundle ${entry}:\n${new TextDecoder().decode(stderr)}`);
  }
  const chunks = new Map<string, string>();
  for (const { name } of [...Deno.readDirSync(folder)].toSorted(byName)) {
    chunks.set(`./${name}`, await Deno.readTextFile(join(folder, name)));
  }
  return chunks;
}

function byName({ name: one }: Deno.DirEntry, { name: other }: Deno.DirEntry): number {
  return one < other ? -1 : 1;
}

/** Changes a program so that V8 compiles the functions that a trial calls when the file is loaded, and not later. */
async function optimize(
  chunks: readonly LinkedChunk[],
  { entry, folder, trial }: {
    readonly entry: string;
    readonly folder: string;
    readonly trial: Trial;
  },
): Promise<LinkedChunk[]> {
  const plainText = writeProgram(chunks, entry);
  const { stdout, functions } = await runTrial(plainText, folder, trial);
  const optimized = chunks.map((chunk) => {
    const start = plainText.indexOf(`${FUNCTION_HEAD}${chunk.text}`) + FUNCTION_HEAD.length;
    const chunkFunctions = functions
      .map((found) => ({ ...found, start: found.start - start, end: found.end - start }))
      .filter((found) => found.start >= 0 && found.end <= chunk.text.length);
    const chunkFunction = functions.find((found) => found.start === start - FUNCTION_HEAD.length);
    if (chunkFunction?.isCalled !== true) return { ...chunk, compiled: "when loaded" as const };
    return {
      ...chunk,
      text: compileEarly(chunk.text, chunkFunctions),
      compiled: "with the file" as const,
    };
  });
  const { stdout: newStdout } = await runTrial(writeProgram(optimized, entry), folder, trial);
  if (stdout === "" || newStdout !== stdout) {
    throw new Error(
      `The program does not start as before: it printed ${JSON.stringify(newStdout)}`,
    );
  }
  return optimized;
}

if (import.meta.main) {
  const output = "dist/agent-mcp-gateway.js";
  await bundleGateway(output);
  // deno-lint-ignore no-console
  console.log(`Wrote ${output} and ${partOf(output, "sandbox")}`);
}
