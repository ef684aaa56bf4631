/**
 * Builds the files of a release in `dist/release/`: an executable for each platform, and `SHA256SUMS`
 * for `sha256sum --check`. A failed build ends the task.
 *
 * @module
 */

import { bundleGateway } from "./bundle.ts";
import { BUNDLE, compile, executableName, print, runTask } from "./compile.ts";
import { permissionFlags } from "./permissions.ts";

/** The platforms of the executables. */
export const TARGETS: readonly string[] = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
];

/** Returns the file name of the executable for a platform. */
export function releaseName(target: string): string {
  return executableName(`agent-mcp-gateway-${target}`, target);
}

/** Returns the text of `SHA256SUMS` for some files in a folder. */
export async function checksums(folder: string, names: readonly string[]): Promise<string> {
  const lines = await Promise.all(names.map(async (name) => {
    const bytes = await Deno.readFile(`${folder}/${name}`);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return `${digest.toHex()}  ${name}\n`;
  }));
  return lines.join("");
}

if (import.meta.main) {
  await runTask(async () => {
    const folder = "dist/release";
    await Deno.mkdir(folder, { recursive: true });
    // Files of an earlier release must not become part of this one.
    for await (const { name } of Deno.readDir(folder)) await Deno.remove(`${folder}/${name}`);
    await bundleGateway(BUNDLE);
    for (const target of TARGETS) {
      const output = `${folder}/${releaseName(target)}`;
      await compile({ output, target, permissions: permissionFlags() });
      print(`Wrote ${output}`);
    }
    const sums = await checksums(folder, TARGETS.map(releaseName));
    await Deno.writeTextFile(`${folder}/SHA256SUMS`, sums);
    print(`Wrote ${folder}/SHA256SUMS`);
  });
}
