/**
 * Installs the command `agent-mcp-gateway`: builds the npm package and installs it with
 * `npm install --global`. The command contains its own Deno and no longer needs this clone. Further
 * arguments are passed to npm, such as `--prefix FOLDER`.
 *
 * @module
 */

import { resolve } from "node:path";
import config from "../deno.json" with { type: "json" };
import { print, runTask } from "./compile.ts";
import { buildPackage, PACKAGE_FOLDER } from "./npm.ts";

const NPM = Deno.build.os === "windows" ? "npm.cmd" : "npm";

/** Advice if npm cannot install the package. */
const ALTERNATIVES = "npm cannot write into its global folder, or is not installed (see above). " +
  "Choose another folder, whose `bin` is on your PATH:\n" +
  "  deno task install --prefix ~/.local\n" +
  "or build an executable that needs neither npm nor Deno:\n" +
  "  deno task compile";

/**
 * Installs the gateway's package from the folder in which it was built.
 *
 * @param npmArgs Further arguments of `npm install`.
 * @throws {Error} npm is not installed, or fails.
 */
export async function installPackage(folder: string, npmArgs: readonly string[]): Promise<void> {
  // npm installs a tarball as a copy, but a folder only as a link to it.
  await runNpm(["pack", "--silent", "--pack-destination", ".."], { folder, quiet: true });
  const tarball = resolve(folder, "..", `agent-mcp-gateway-${config.version}.tgz`);
  const quietFlags = ["--no-audit", "--no-fund", "--ignore-scripts"];
  await runNpm(["install", "--global", ...quietFlags, ...npmArgs, tarball], {
    folder,
    quiet: false,
  });
}

async function runNpm(
  args: readonly string[],
  { folder, quiet }: { readonly folder: string; readonly quiet: boolean },
): Promise<void> {
  try {
    const { success } = await new Deno.Command(NPM, {
      args: [...args],
      cwd: folder,
      stdin: "null",
      stdout: quiet ? "null" : "inherit",
      stderr: "inherit",
    }).spawn().status;
    if (success) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  throw new Error(`The command was not installed. ${ALTERNATIVES}`);
}

if (import.meta.main) {
  await runTask(async () => {
    await buildPackage();
    await installPackage(PACKAGE_FOLDER, Deno.args);
    print("Installed the command agent-mcp-gateway. Next: agent-mcp-gateway init");
  });
}
