import { join } from "node:path";

/** One instruction of a Dockerfile. */
export interface Instruction {
  /** The first word, such as `COPY`. */
  readonly name: string;
  /** The arguments, on one line. */
  readonly text: string;
}

/** A build stage. */
export interface Stage {
  /** The base image. */
  readonly base: string;
  /** The name for other stages. */
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** Parses the stages of a Dockerfile; supports only the syntax that ours uses. */
export function readDockerfile(text: string): Stage[] {
  const lines = text.split("\n").filter((line) => !/^\s*(#|$)/.test(line)).join("\n");
  const stages: { base: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of lines.replaceAll(/\\\n\s*/g, " ").split("\n")) {
    const [, name = "", rest = ""] = /^([A-Z]+) +(.+)$/.exec(line) ?? [];
    if (name === "") throw new Error(`Not an instruction: ${line}`);
    if (name !== "FROM") {
      stages.at(-1)?.instructions.push({ name, text: rest });
      continue;
    }
    const [, base = "", stage] = /^(\S+)(?: AS (\S+))?$/.exec(rest) ?? [];
    stages.push({ base, name: stage, instructions: [] });
  }
  return stages;
}

/** Returns the words of an instruction in JSON form, such as `ENTRYPOINT`. */
export function readWords(text: string): string[] {
  return JSON.parse(text.slice(text.indexOf("[")));
}

/** Returns the values of all `ENV` instructions of a stage. */
export function readEnv({ instructions }: Stage): Record<string, string> {
  const texts = instructions.filter(({ name }) => name === "ENV").map(({ text }) => text);
  return Object.fromEntries(
    [...texts.join(" ").matchAll(/(\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, value]),
  );
}

/** Returns the files that a build can see: `.dockerignore` excludes everything except its list. */
export function readContext(ignore: string): string[] {
  const lines = ignore.split("\n").filter((line) => !/^\s*(#|$)/.test(line));
  if (lines[0] !== "*") throw new Error("The first line must exclude everything");
  return lines.slice(1).map((line) => line.replace(/^!/, ""));
}

/** A folder that replaces the root of an image; absolute paths of the image are inside it. */
export class ImageRoot {
  readonly #root: string;

  /** Creates an image in an empty folder. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Returns the path in the folder for a path in the image. */
  path(path: string): string {
    return join(this.#root, path);
  }

  /** Moves the image's own folders in a text below the root; the system's are unchanged. */
  move(text: string): string {
    return text.replaceAll(
      /(?<![\w.])\/(build|config|data|opt|usr\/local\/bin)(?=[/"\s]|$)/g,
      (path) => this.path(path),
    );
  }

  /** Copies like `COPY`: sources, then the destination. */
  copy(sources: readonly string[], target: string): void {
    const to = this.path(target);
    const isFolder = sources.length > 1 || target.endsWith("/") || isDirectory(to);
    for (const source of sources) {
      // `COPY` copies the content of a folder, not the folder itself.
      if (isDirectory(source)) copyFolder(source, to);
      else copyFile(source, isFolder ? join(to, source.slice(source.lastIndexOf("/") + 1)) : to);
    }
  }
}

function copyFolder(from: string, to: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyFolder(join(from, name), join(to, name));
    else copyFile(join(from, name), join(to, name));
  }
}

function copyFile(from: string, to: string): void {
  Deno.mkdirSync(join(to, ".."), { recursive: true });
  Deno.copyFileSync(from, to);
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
