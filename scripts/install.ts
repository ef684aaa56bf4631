/**
 * Installs the command `agent-mcp-gateway` for the present user, who has Deno: a small script that
 * starts the bundle of this repository, which therefore has to stay where it is. Words that follow
 * are given to `deno install`, such as `--root FOLDER`.
 *
 * @module
 */

import { resolve } from "node:path";
import { bundleGateway } from "./bundle.ts";
import { BUNDLE, runTask } from "./compile.ts";
import { permissionFlags } from "./permissions.ts";

/** The words after `deno` that install a bundle as a command. */
export function installWords(bundlePath: string, more: readonly string[]): string[] {
  const name = ["--name", "agent-mcp-gateway"];
  return [
    ...["install", "--global", "--force", "--no-config", "--no-lock", ...name],
    ...more,
    ...permissionFlags(),
    bundlePath,
  ];
}

if (import.meta.main) {
  await runTask(async () => {
    await bundleGateway(BUNDLE);
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: installWords(resolve(BUNDLE), Deno.args),
      stdin: "null",
    }).spawn().status;
    if (!success) throw new Error("deno install failed.");
  });
}
