/**
 * Links the chunks of a split program into one file. Bundlers write a split program only as several files.
 *
 * Each chunk is an ES module and becomes a function that fills an `exports` object:
 *
 * ```js
 * import { a as b } from "./chunk-X.js";      const {a:b}=$link("./chunk-X.js");
 * import * as fs from "node:fs";              const fs=$link("node:fs");
 * import("./chunk-Y.js")                      $link.load("./chunk-Y.js")
 * export { c as d };                          Object.assign(exports,{d:c});
 * ```
 *
 * Deno would look up the argument of each call of a function named `require` as a file, at each start.
 *
 * The exports of a chunk are set once, while it is loaded. Their values are final, because chunks have no
 * circular imports and do not assign exported variables later.
 *
 * A chunk that is not loaded at start is written as a comment, which neither Deno nor V8 parses. It is
 * compiled when it is first loaded. This saves 3 of 61 ms of each start, and 64 of 141 ms if Deno has no
 * cached code: at the first start, and on a read-only file system. Such chunks can also be written to a second
 * file, which saves 5 more, because Deno and V8 copy the first one several times.
 *
 * @module
 */

import { basename, extname } from "node:path";
import { type Import, init, parse } from "es-module-lexer";

/** Options of `linkChunks`. */
export interface LinkOptions {
  /** The main file; its chunk has the same name with the extension `.js`. */
  readonly entry: string;
  /** Modules that the bundle does not contain; only `import()` may name them. */
  readonly excluded: readonly string[];
  /** Modules that are replaced by an empty one; a name that ends in `*` is a prefix. */
  readonly stubbed: readonly string[];
}

/** A chunk as the body of a function. */
export interface LinkedChunk {
  /** File name, such as `./main.js`. */
  readonly name: string;
  readonly text: string;
  /** Whether it is compiled with the file or when it is first loaded; default: as V8 chooses. */
  readonly compiled?: "with the file" | "when loaded";
}

/** The beginning of a chunk's function, before its body. */
export const FUNCTION_HEAD = "(exports)=>{";

/** The name of the function that loads chunks and built-in modules, which no chunk declares. */
const LINK = "$link";

/** Loads chunks and built-in modules. `import()` of a chunk becomes `load`. */
const DEFINE_LINK = `const loaded=new Map();const ${LINK}=(name)=>{let exports=loaded.get(name);` +
  "if(exports===undefined){const load=chunks[name]??compile(name);" +
  "if(load===undefined)return process.getBuiltinModule(name);exports={};loaded.set(name,exports);" +
  `try{load(exports,${LINK})}catch(error){loaded.delete(name);throw error}}return exports};` +
  `${LINK}.load=async(name)=>${LINK}(name);\n`;

/** Replaces `*\/` inside a chunk that is written as a comment. */
const COMMENT_END = "*\x01/";

/** Compiles a chunk that is written as a comment: cuts its text out of the function `()=>{/\*…*\/}`. */
const COMPILE = `const compile=(name)=>texts[name]&&new Function("exports","${LINK}",` +
  `texts[name].toString().slice(7,-3).replaceAll(${JSON.stringify(COMMENT_END)},"*/")` +
  `+"\\n//# sourceURL="+name);\n`;

/** Opens the file of the chunks at start, so that an update of the program cannot exchange it. */
const openChunksFile = (name: string): string =>
  `const file=Deno.openSync(new URL(${JSON.stringify(name)},import.meta.url));\n`;

/** Compiles a chunk that is in the file of the chunks, at an offset and with a length. */
const COMPILE_RANGE =
  `const compile=(name)=>{if(!ranges[name])return;const [offset,length]=ranges[name];` +
  `const bytes=new Uint8Array(length);file.seekSync(offset,0);for(let at=0;at<length;){` +
  `const count=file.readSync(bytes.subarray(at));` +
  `if(count===null)throw new Error("The program's second file is incomplete");at+=count}` +
  `return new Function("exports","${LINK}",new TextDecoder().decode(bytes)+"\\n//# sourceURL="+name)};\n`;

/** The bundler's own `require`, for packages in CommonJS form. */
const BUNDLER_REQUIRE = "__deno_internal_createRequire(import.meta.url)";

/**
 * Links chunks.
 *
 * @param chunks The texts of the chunks by name.
 * @throws {Error} A chunk imports a module that is not in the bundle, or cannot run as a function.
 */
export async function linkChunks(
  chunks: ReadonlyMap<string, string>,
  options: LinkOptions,
): Promise<LinkedChunk[]> {
  await init();
  const bundlerRequire = findBundlerRequire(chunks);
  return [...chunks].map(([name, text]) => {
    const linked = escapeNonAscii(linkChunk(text, { chunks, options, bundlerRequire }));
    checkSyntax(linked, options.entry);
    return { name, text: linked };
  });
}

/** Writes a program as one file. */
export function writeProgram(chunks: readonly LinkedChunk[], entry: string): string {
  const texts = chunks.filter(isLoadedLater).map(({ name, text }) => {
    return `${JSON.stringify(name)}:()=>{/*${text.replaceAll("*/", COMMENT_END)}*/}`;
  });
  const defineCompile = `const texts={${texts.join(",\n")}};\n${COMPILE}`;
  return `${writeChunks(chunks)}${defineCompile}${DEFINE_LINK}${callEntry(entry)}`;
}

/**
 * Writes a program as two files: one for the start, and one with the chunks that are loaded later.
 *
 * @param chunksName Name of the second file, which must be beside the first.
 * @returns The texts of both files.
 */
export function writeSplitProgram(
  chunks: readonly LinkedChunk[],
  { entry, chunksName }: { readonly entry: string; readonly chunksName: string },
): { start: string; chunksText: string } {
  let chunksText = "";
  const ranges = chunks.filter(isLoadedLater).map(({ name, text }) => {
    const range = `${JSON.stringify(name)}:[${chunksText.length},${text.length}]`;
    // All chunks are ASCII.
    chunksText += text;
    return range;
  });
  const defineCompile = `const ranges={${ranges.join(",")}};\n${
    openChunksFile(chunksName)
  }${COMPILE_RANGE}`;
  return {
    start: `${writeChunks(chunks)}${defineCompile}${DEFINE_LINK}${callEntry(entry)}`,
    chunksText,
  };
}

function isLoadedLater({ compiled }: LinkedChunk): boolean {
  return compiled === "when loaded";
}

/** Writes the chunks that are functions. */
function writeChunks(chunks: readonly LinkedChunk[]): string {
  const functions = chunks.filter((chunk) => !isLoadedLater(chunk)).map(
    ({ name, text, compiled }) => {
      const chunkFunction = `${FUNCTION_HEAD}${text}\n}`;
      const source = compiled === "with the file" ? `(${chunkFunction})` : chunkFunction;
      return `${JSON.stringify(name)}:${source}`;
    },
  );
  return `const chunks={${functions.join(",\n")}};\n`;
}

function callEntry(entry: string): string {
  return `${LINK}(${JSON.stringify(`./${basename(entry, extname(entry))}.js`)});\n`;
}

interface LinkContext {
  readonly chunks: ReadonlyMap<string, string>;
  readonly options: LinkOptions;
  readonly bundlerRequire: BundlerRequire | undefined;
}

/** The chunk that exports the bundler's own `require`, and the name of the export. */
interface BundlerRequire {
  readonly chunk: string;
  readonly name: string;
}

function findBundlerRequire(chunks: ReadonlyMap<string, string>): BundlerRequire | undefined {
  for (const [chunk, text] of chunks) {
    const localRequire = findLocalRequire(text);
    const [, exports] = parse(text);
    for (const found of exports) {
      if (found.type === "direct" && found.localName === localRequire) {
        return { chunk, name: found.name };
      }
    }
  }
  return undefined;
}

/** Returns the name of the bundler's own `require` in the chunk that creates it. */
function findLocalRequire(text: string): string | undefined {
  const [before] = text.split(`=${BUNDLER_REQUIRE}`, 1);
  return before === text ? undefined : /[\w$]+$/.exec(before ?? "")?.[0];
}

function linkChunk(text: string, context: LinkContext): string {
  const [imports, exports] = parse(text);
  const edits = imports.flatMap((one) => linkImport(one, text, context));
  for (const start of new Set(exports.map(({ exportStart }) => exportStart))) {
    edits.push(linkExport(text, start));
  }
  const aliases = imports.flatMap((one) => findRequireAliases(one, text, context));
  return linkRequires(applyEdits(text, edits), aliases, context.options)
    .replace(BUNDLER_REQUIRE, LINK);
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  let edited = "";
  let at = 0;
  for (const { start, end, text: inserted } of edits.toSorted((a, b) => a.start - b.start)) {
    edited += text.slice(at, start) + inserted;
    at = end;
  }
  return edited + text.slice(at);
}

function linkImport(one: Import, text: string, { chunks, options }: LinkContext): Edit[] {
  const { importStart: start, importEnd: end } = one;
  const importText = text.slice(start, end);
  if (one.type === "import-meta") {
    if (text.startsWith(BUNDLER_REQUIRE, start - BUNDLER_REQUIRE.indexOf("import.meta"))) return [];
    // In the bundle, import.meta would describe the bundle, not the source file.
    throw new Error(`Cannot bundle ${options.entry}: it uses import.meta`);
  }
  const name = one.specifier;
  if (one.type === "dynamic") {
    if (name?.startsWith("node:") || options.excluded.includes(name ?? "")) return [];
    if (name === undefined || !chunks.has(name)) throw missingModuleError(importText, options);
    return [{ start, end, text: `${LINK}.load("${name}")` }];
  }
  if (name === "node:module" && importText.includes("__deno_internal")) {
    return [{ start, end, text: "" }];
  }
  const value = isStubbed(name ?? "", options) ? "({})" : `${LINK}("${name}")`;
  if (value !== "({})" && !name?.startsWith("node:") && !chunks.has(name ?? "")) {
    throw missingModuleError(importText, options);
  }
  const [, names] = /^import\s*(.*?)\s*(?:from\s*)?["'][^"']*["']$/s.exec(importText) ?? [];
  return [{
    start,
    end,
    text: names === "" ? value : `const ${toBindingPattern(names ?? "")}=${value}`,
  }];
}

/** Turns the names of an import into a binding pattern, such as `{a:b}`. */
function toBindingPattern(names: string): string {
  return names.replace(/^\*\s*as\s+/, "").replaceAll(/\s+as\s+/g, ":");
}

function linkExport(text: string, start: number): Edit {
  const [list, names = ""] = /^export\s*\{([^}]*)\}/.exec(text.slice(start)) ?? [];
  if (list === undefined) {
    // A package in CommonJS form: as in Deno, its members are also named exports.
    const end = text.indexOf(";", start);
    const value = text.slice(start + "export default ".length, end);
    return { start, end, text: `Object.assign(exports,exports.default=${value})` };
  }
  const members = names.split(",").map((member) => {
    const [local = "", exported = local] = member.trim().split(/\s+as\s+/);
    return `${exported}:${local}`;
  });
  return { start, end: start + list.length, text: `Object.assign(exports,{${members.join(",")}})` };
}

/** Returns the name that an import gives to the bundler's own `require`; an empty list for other imports. */
function findRequireAliases(one: Import, text: string, { bundlerRequire }: LinkContext): string[] {
  if (one.type !== "static" || one.specifier !== bundlerRequire?.chunk) return [];
  const names = text.slice(one.importStart, one.importEnd).replaceAll("$", "\\$");
  const [, alias] = new RegExp(`[{,]\\s*${bundlerRequire.name} as ([\\w$\\\\]+)`).exec(names) ?? [];
  return alias === undefined ? [] : [alias];
}

/**
 * Replaces calls of the bundler's `require` for stubbed modules, and checks that all others are for
 * built-in modules.
 *
 * @throws {Error} A package requires a module that is not in the bundle.
 */
function linkRequires(text: string, aliases: readonly string[], options: LinkOptions): string {
  const localRequire = findLocalRequire(text)?.replaceAll("$", "\\$");
  const names = [...aliases, ...localRequire === undefined ? [] : [localRequire]];
  if (names.length === 0) return text;
  return text.replaceAll(
    new RegExp(`(?<![\\w$.])(?:${names.join("|")})\\(("[^"]*"|[^)]*)\\)`, "g"),
    (found, argument) => {
      const name = /^"([^"]*)"$/.exec(argument)?.[1];
      if (name !== undefined && isStubbed(name, options)) return "({})";
      if (name?.startsWith("node:")) return found;
      throw missingModuleError(`require(${argument})`, options);
    },
  );
}

function missingModuleError(importText: string, { entry }: LinkOptions): Error {
  return new Error(
    `Cannot bundle ${entry}: ${importText} would find no module on a user's machine. ` +
      "Name the package in the imports of deno.json, or in STUBBED or EXCLUDED of scripts/bundle.ts.",
  );
}

function isStubbed(name: string, { stubbed }: LinkOptions): boolean {
  return stubbed.some((pattern) =>
    pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern
  );
}

function checkSyntax(text: string, entry: string): void {
  try {
    // This compiles the text but does not run it.
    new Function("exports", LINK, text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `Cannot bundle ${entry}: it cannot run as a function. Does it use top-level await? ${reason}`,
    );
  }
}

/**
 * Escapes characters outside ASCII, which the bundler leaves in regular expressions. If a text has only
 * one such character, V8 stores all of it with two bytes per character, which costs 8 ms and 2 MB at each
 * start.
 */
function escapeNonAscii(text: string): string {
  return text.replaceAll(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
