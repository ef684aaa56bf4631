import config from "../../deno.json" with { type: "json" };
import { ROOT } from "./gateway_command.ts";

/** A module in a library's place that says that it was loaded, and fails. */
function trap(name: string): string {
  return `data:text/javascript,throw new Error("${name} was loaded")`;
}

/** Words that run a file of the gateway's source with a trap in each library's place. */
export function trapped(file: string, folder: string, ...names: string[]): string[] {
  const traps = Object.fromEntries(names.map((name) => [name, trap(name)]));
  const path = `${folder}/trapped.json`;
  const imports = { ...config.imports, ...traps };
  Deno.writeTextFileSync(path, JSON.stringify({ imports, unstable: config.unstable }));
  const permissions = ["--allow-read", "--allow-write", "--allow-env", "--allow-run"];
  const graph = ["--no-lock", "--no-check", "--cached-only", "--config", path];
  return ["run", "--quiet", "--no-prompt", ...permissions, ...graph, `${ROOT}${file}`];
}
