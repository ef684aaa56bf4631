import type { JsonRecord } from "./import_entry.ts";

/** What a server is, as far as its entry says. */
export interface ServerProgram {
  /** What kind of thing the name names. */
  readonly kind: "package" | "image" | "program" | "remote server";
  /** Its name: a package without version, an image, a file, or a host with its path. */
  readonly name: string;
}

/** Programs that run a package, with the words that stand between. */
const RUNNERS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  npx: [[]],
  bunx: [[]],
  pnpx: [[]],
  uvx: [[]],
  npm: [["exec"], ["x"]],
  pnpm: [["dlx"]],
  yarn: [["dlx"]],
  bun: [["x"]],
  uv: [["tool", "run"]],
  pipx: [["run"]],
};

/** Programs that run a file or a module. */
const INTERPRETERS = /^(?:node|bun|tsx|deno|python[\d.]*|py|uv|ruby|java|sh|bash|dotnet)$/;

/** Flags of all of these that are followed by a value. */
const WITH_VALUE = new Set([
  ...["-p", "--package", "--from", "--python", "--with", "--directory", "--project"],
  ...["-e", "--env", "--env-file", "-v", "--volume", "--mount", "--name", "--network", "--user"],
  ...[
    "-r",
    "--require",
    "--import",
    "-w",
    "--workdir",
    "-c",
    "--config",
    "--entrypoint",
    "--add-host",
  ],
]);

/**
 * What tells a server from others: the package that `npx` or `uvx` runs, the image of a container,
 * the script of an interpreter, the host of a remote one. Without versions and arguments, so that no
 * secret is in it.
 */
export function programOf({ command, args, url }: JsonRecord): ServerProgram {
  if (typeof command !== "string") {
    const { host, pathname } = URL.parse(String(url)) ?? { host: "", pathname: "" };
    // Some addresses hold a key as a part of their path.
    const parts = pathname.split("/").map((part) => part.length > 20 ? "…" : part);
    return { kind: "remote server", name: host + parts.join("/").replace(/\/$/, "") || "remote" };
  }
  const words = [command, ...(Array.isArray(args) ? args.map(String) : [])];
  return programIn(words) ?? { kind: "program", name: lastPart(command) };
}

function programIn([command = "", ...args]: readonly string[]): ServerProgram | undefined {
  const name = lastPart(command).toLowerCase().replace(/\.(?:exe|cmd|bat)$/, "");
  if (name === "cmd" && /^\/c$/i.test(args[0] ?? "")) return programIn(args.slice(1));
  // Variables before the program.
  if (name === "env") return programIn(args.slice(args.findIndex((arg) => !/^-|=/.test(arg))));
  for (const before of Object.hasOwn(RUNNERS, name) ? RUNNERS[name] ?? [] : []) {
    if (!before.every((word, at) => args[at] === word)) continue;
    const found = packageIn(args.slice(before.length));
    if (found !== undefined) return { kind: "package", name: found };
  }
  if (name === "docker" || name === "podman") {
    const image = firstWord(args.slice(args.indexOf("run") + 1));
    return image === undefined
      ? undefined
      : { kind: "image", name: image.replace(/:[\w.-]+$/, "") };
  }
  return INTERPRETERS.test(name) ? scriptIn(args) : undefined;
}

function packageIn(args: readonly string[]): string | undefined {
  // What `uvx --from PACKAGE PROGRAM` and `npx -p PACKAGE PROGRAM` run is named by the package.
  const named = args.findIndex((arg) => ["-p", "--package", "--from"].includes(arg));
  const word = named >= 0 ? args[named + 1] : firstWord(args);
  return word?.replace(/^npm:/, "").replace(/(?<=.)(?:@|==|>=|~=).*$/, "");
}

function scriptIn(args: readonly string[]): ServerProgram | undefined {
  const module = args.indexOf("-m");
  const words = module >= 0 ? [args[module + 1] ?? ""] : args.filter((arg) => arg !== "run");
  const word = firstWord(words);
  if (word === undefined) return undefined;
  const isPackage = word.startsWith("npm:") || word.startsWith("jsr:");
  return isPackage
    ? { kind: "package", name: packageIn([word.replace(/^jsr:/, "")]) ?? word }
    : fileNamed(word);
}

/** Names of files and folders that say nothing of what is in them. */
const GENERIC = /^(?:index|main|server|cli|app|bin|run|start|__main__|dist|build|src|lib|out)$/i;

/** A script, by its package or by the first name that says something. */
function fileNamed(path: string): ServerProgram {
  const parts = path.split(/[/\\]/).filter((part) => part !== "");
  const inside = parts.lastIndexOf("node_modules") + 1;
  if (inside > 0 && inside < parts.length) {
    const length = parts[inside]?.startsWith("@") ? 2 : 1;
    return { kind: "package", name: parts.slice(inside, inside + length).join("/") };
  }
  const telling = parts.findLast((part) => !GENERIC.test(part.replace(/\.[a-z]+$/i, "")));
  return { kind: "program", name: telling ?? lastPart(path) };
}

/** The first word that is no flag and no flag's value. */
function firstWord(args: readonly string[]): string | undefined {
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (WITH_VALUE.has(arg)) at++;
    else if (!arg.startsWith("-")) return arg;
  }
  return undefined;
}

function lastPart(path: string): string {
  return path.split(/[/\\]/).findLast((part) => part !== "") ?? path;
}

/** Longest description that is written, in UTF-16 code units. */
const MAX_DESCRIPTION = 200;

/** A sentence that says what a server is, where it does not say so itself. */
export function describeProgram(entry: JsonRecord): string {
  const { kind, name } = programOf(entry);
  const [host = name] = name.split("/");
  return clip(`Tools of the ${kind} ${kind === "remote server" ? host : name}`);
}

/**
 * A server's own words as a description: the first sentence of its instructions, else its title.
 *
 * @returns undefined where it says nothing.
 */
export function describeItself(
  { instructions = "", title = "" }: { readonly instructions?: string; readonly title?: string },
): string | undefined {
  // A heading says less than the sentence below it.
  const lines = instructions.split(/\r?\n/).map(plainText);
  const line = lines.find((text) => text !== "" && !text.startsWith("#")) ?? "";
  const [sentence = ""] = line.split(/(?<=[.!?])\s/);
  const said = sentence || plainText(title);
  return said === "" ? undefined : clip(said);
}

/** A text in one line, without control characters and those that are not seen. */
function plainText(text: string): string {
  return text.replace(/[\p{C}\p{Z}]+/gu, " ").trim();
}

function clip(text: string): string {
  if (text.length <= MAX_DESCRIPTION) return text;
  // Not half of a character.
  return `${text.slice(0, MAX_DESCRIPTION - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
