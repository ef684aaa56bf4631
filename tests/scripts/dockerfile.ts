import { join } from "node:path";

/** One instruction of a Dockerfile. */
export interface Instruction {
  /** Its first word, such as `COPY`. */
  readonly name: string;
  /** What follows, on one line. */
  readonly text: string;
}

/** What is built from one `FROM`. */
export interface Stage {
  /** The image that it begins with. */
  readonly base: string;
  /** What other stages call it. */
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** Reads the stages of a Dockerfile: as much of the format as ours uses. */
export function readDockerfile(text: string): Stage[] {
  const lines = text.split("\n").filter((line) => !/^\s*(#|$)/.test(line)).join("\n");
  const stages: { base: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of lines.replaceAll(/\\\n\s*/g, " ").split("\n")) {
    const [, name = "", rest = ""] = /^([A-Z]+) +(.+)$/.exec(line) ?? [];
    if (name === "") throw new Error(`This is no instruction: ${line}`);
    if (name !== "FROM") {
      stages.at(-1)?.instructions.push({ name, text: rest });
      continue;
    }
    const [, base = "", stage] = /^(\S+)(?: AS (\S+))?$/.exec(rest) ?? [];
    stages.push({ base, name: stage, instructions: [] });
  }
  return stages;
}

/** The words of an instruction in JSON form, such as that of `ENTRYPOINT`. */
export function readWords(text: string): string[] {
  return JSON.parse(text.slice(text.indexOf("[")));
}

/** The values of all `ENV` instructions of a stage. */
export function readEnv({ instructions }: Stage): Record<string, string> {
  const texts = instructions.filter(({ name }) => name === "ENV").map(({ text }) => text);
  return Object.fromEntries(
    [...texts.join(" ").matchAll(/(\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, value]),
  );
}

/** What of the repository a build gets to see: `.dockerignore` leaves out all but what it lists. */
export function readContext(ignore: string): string[] {
  const lines = ignore.split("\n").filter((line) => !/^\s*(#|$)/.test(line));
  if (lines[0] !== "*") throw new Error("The first line must leave out everything");
  return lines.slice(1).map((line) => line.replace(/^!/, ""));
}

/** A folder in place of an image's root; absolute paths of an image mean places in it. */
export class ImageRoot {
  readonly #root: string;

  /** @param root An empty folder. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Where a path of the image is. */
  path(path: string): string {
    return join(this.#root, path);
  }

  /** A text with the image's own folders moved below the root; the system's stay. */
  move(text: string): string {
    return text.replaceAll(
      /(?<![\w.])\/(build|config|data|opt|usr\/local\/bin)(?=[/"\s]|$)/g,
      (path) => this.path(path),
    );
  }

  /** Copies as `COPY` does: sources, then where to. */
  copy(sources: readonly string[], target: string): void {
    const to = this.path(target);
    const isFolder = sources.length > 1 || target.endsWith("/") || isDirectory(to);
    for (const source of sources) {
      // The content of a folder is copied, not the folder.
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
