import { isAbsolute } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { ROOT } from "./gateway_command.ts";

/** Returns the URL of a module that throws when it is loaded. */
function trapUrl(library: string): string {
  return `data:text/javascript,throw new Error("${library} was loaded")`;
}

/**
 * Returns the arguments of `deno` that run a source file with a trap in place of each library, so that the
 * program fails if it loads one of them.
 *
 * @param file Absolute path, or path relative to the root of the repository.
 * @param folder Folder for the configuration file with the traps.
 */
export function denoArgsWithTraps(file: string, folder: string, ...libraries: string[]): string[] {
  const traps = Object.fromEntries(libraries.map((name) => [name, trapUrl(name)]));
  const path = `${folder}/trapped.json`;
  const imports = { ...config.imports, ...traps };
  Deno.writeTextFileSync(path, JSON.stringify({ imports, unstable: config.unstable }));
  const permissions = ["--allow-read", "--allow-write", "--allow-env", "--allow-run"];
  permissions.push("--allow-net=127.0.0.1");
  const moduleFlags = ["--no-lock", "--no-check", "--cached-only", "--config", path];
  return [
    "run",
    "--quiet",
    "--no-prompt",
    ...permissions,
    ...moduleFlags,
    isAbsolute(file) ? file : `${ROOT}${file}`,
  ];
}
