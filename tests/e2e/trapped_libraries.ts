import { isAbsolute } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { ROOT } from "./gateway_command.ts";

/** A module in place of a library that throws when it is loaded. */
function trap(name: string): string {
  return `data:text/javascript,throw new Error("${name} was loaded")`;
}

/**
 * Command line that runs a source file with a trap in place of each library.
 *
 * @param file Absolute, or from the root of the repository.
 */
export function denoArgsWithTraps(file: string, folder: string, ...names: string[]): string[] {
  const traps = Object.fromEntries(names.map((name) => [name, trap(name)]));
  const path = `${folder}/trapped.json`;
  const imports = { ...config.imports, ...traps };
  Deno.writeTextFileSync(path, JSON.stringify({ imports, unstable: config.unstable }));
  const permissions = ["--allow-read", "--allow-write", "--allow-env", "--allow-run"];
  permissions.push("--allow-net=127.0.0.1");
  const graph = ["--no-lock", "--no-check", "--cached-only", "--config", path];
  return [
    "run",
    "--quiet",
    "--no-prompt",
    ...permissions,
    ...graph,
    isAbsolute(file) ? file : `${ROOT}${file}`,
  ];
}
