/**
 * Builds the program in the forms that users get, in a folder outside the clone, for tests:
 *
 * - `bundle`: the single file, copied out of the clone, run by Deno with `--no-config`;
 * - `npm`: the npm package, installed from its tarball into an empty folder;
 * - `executable`: compiled from the bundle.
 *
 * @module
 */

import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };
import { isFile } from "../src/file_identity.ts";
import { executableName } from "./compile.ts";
import { permissionFlags } from "./permissions.ts";

/** A form of the program that users get. */
export type ShippedForm = "bundle" | "npm" | "executable";

/** Every form. */
export const SHIPPED_FORMS: readonly ShippedForm[] = ["bundle", "npm", "executable"];

/** A command and its arguments. */
export type CommandLine = [string, ...string[]];

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const NAME = "agent-mcp-gateway";

/**
 * Builds one form of the program.
 *
 * @param folder An absolute path outside the clone; created if it does not exist.
 * @param bundle Path of the bundle to compile, if it has just been built.
 * @returns The command that starts the program.
 * @throws {Error} The form cannot be built here; the message says what is missing.
 */
export async function buildForm(
  form: ShippedForm,
  folder: string,
  bundle?: string,
): Promise<CommandLine> {
  await Deno.mkdir(folder, { recursive: true });
  if (form === "npm") return await installPackage(folder);
  if (form === "executable") return await compileExecutable(folder, bundle);
  await runTask("bundle");
  const copy = join(folder, `${NAME}.js`);
  await Deno.copyFile(join(ROOT, "dist", `${NAME}.js`), copy);
  const flags = ["run", "--no-config", "--no-lock", ...permissionFlags()];
  return [Deno.execPath(), ...flags, copy];
}

async function installPackage(folder: string): Promise<CommandLine> {
  await runTask("npm");
  const npm = Deno.build.os === "windows" ? "npm.cmd" : "npm";
  await run(npm, ["pack", "--silent", "--pack-destination", folder], join(ROOT, "dist", "npm"));
  await Deno.writeTextFile(join(folder, "package.json"), "{}\n");
  const installFlags = ["--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"];
  await run(
    npm,
    ["install", ...installFlags, join(folder, `${NAME}-${config.version}.tgz`)],
    folder,
  );
  const bin = join(folder, "node_modules", ".bin", NAME);
  return [Deno.build.os === "windows" ? `${bin}.cmd` : bin];
}

/**
 * Compiles the bundle like `deno task compile`. The project's own build environment cannot download
 * Deno's base runtime, so there a tool of that environment compiles the bundle.
 */
async function compileExecutable(folder: string, bundle?: string): Promise<CommandLine> {
  const output = join(folder, executableName(NAME));
  const tool = resolve(ROOT, "../shared/tools/compile_here");
  if (isFile(tool)) {
    if (bundle === undefined) await runTask("bundle");
    const source = bundle ?? join(ROOT, "dist", `${NAME}.js`);
    // The tool adds `--no-prompt` itself.
    const flags = permissionFlags().filter((flag) => flag !== "--no-prompt");
    await run(tool, [source, output, ...flags], folder);
    return [output];
  }
  await runTask("compile");
  await Deno.copyFile(join(ROOT, "dist", executableName(NAME)), output);
  return [output];
}

async function runTask(name: string): Promise<void> {
  await run(Deno.execPath(), ["task", "--quiet", name], ROOT);
}

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd,
    stdin: "null",
  }).output();
  if (success) return;
  const decoder = new TextDecoder();
  throw new Error(`${command} failed:\n${decoder.decode(stdout)}${decoder.decode(stderr)}`.trim());
}
