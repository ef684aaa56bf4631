import assert from "node:assert/strict";
import { join } from "node:path";
import { denoDir, machineEnvironment } from "../e2e/setup.ts";
import { ImageRoot, readDockerfile } from "./dockerfile.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** A folder that replaces an image, with the environment of a process in it. */
export interface Image {
  readonly root: ImageRoot;
  /** The folder of the commands. */
  readonly bin: string;
  /** The variable `PATH` with that folder first. */
  readonly PATH: string;
}

/**
 * Executes the steps of the Dockerfile in a folder, for tests without a container engine. Only the
 * steps that install Deno from npm and tini from Debian are skipped.
 */
export async function buildImage(folder: string): Promise<Image> {
  const [build, image] = readDockerfile(Deno.readTextFileSync(join(ROOT, "Dockerfile")));
  assert.ok(build && image);
  const root = new ImageRoot(folder);
  const bin = root.path("/usr/local/bin");
  Deno.mkdirSync(bin, { recursive: true });
  Deno.symlinkSync(Deno.execPath(), join(bin, "deno"));
  const PATH = `${bin}:${Deno.env.get("PATH")}`;
  const env = { ...machineEnvironment(), PATH, HOME: folder, DENO_DIR: denoDir() };
  let cwd = "/";
  let played = 0;
  for (const { name, text } of build.instructions) {
    if (name === "WORKDIR") Deno.mkdirSync(root.path(cwd = text), { recursive: true });
    else if (name === "COPY") copy(root, { text, from: (word) => join(ROOT, word), cwd });
    else if (name === "RUN" && !text.startsWith("npm install ")) {
      played++;
      await run(root.move(text), { cwd: root.path(cwd), env });
    }
  }
  assert.equal(played, 2, "the bundle and the command");
  for (const name of ["/config", "/data"]) Deno.mkdirSync(root.path(name));
  for (const { name, text } of image.instructions) {
    if (name !== "COPY") continue;
    const words = text.replace(/^--from=build /, "");
    const [source, target] = words.split(" ");
    // Both stages share this path, so it already exists.
    if (source !== target) copy(root, { text: words, from: (word) => root.path(word), cwd: "/" });
  }
  return { root, bin, PATH };
}

function copy(
  root: ImageRoot,
  { text, from, cwd }: { text: string; from: (word: string) => string; cwd: string },
): void {
  const words = text.split(" ");
  const target = words.pop() ?? "";
  root.copy(words.map(from), join(cwd, target));
}

async function run(script: string, options: Deno.CommandOptions): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-euc", script],
    clearEnv: true,
    stdin: "null",
    ...options,
  }).output();
  const decoder = new TextDecoder();
  assert.ok(success, decoder.decode(stdout) + decoder.decode(stderr));
}
