/**
 * Finds the program that `npx` or `uvx` would run, so that it can be started without its launcher. Loaded when a server
 * with such a command is started. If anything is unclear, the launcher runs. Starts no processes and changes no files.
 * Imports `config` and leaves.
 *
 * @module
 */
import { nameOf, resolvePath, type StdioConfig } from "../../config/mod.ts";
import { within } from "../../within.ts";
import type { DirectStart } from "./launch.ts";

export type { DirectStart } from "./launch.ts";

/**
 * Maximum time for the search, in milliseconds. The search usually takes about ten; a busy machine slows it as much as
 * it slows the launcher.
 */
const SEARCH_TIMEOUT_MS = 3000;

/**
 * Finds the program that a launcher would run.
 *
 * @param connection The command with its launcher.
 * @param env The environment of the launcher.
 * @returns `undefined` if there is no such program yet, or if it is unclear which program the launcher would run.
 */
export async function findDirectStart(
  connection: StdioConfig,
  env: Readonly<Record<string, string>>,
): Promise<DirectStart | undefined> {
  if (Deno.build.os === "windows" || !isPermitted()) return undefined;
  // If a file cannot be read, or a network folder does not answer, the launcher runs and reports that.
  const search = findStart(connection, env).catch(() => undefined);
  return await within(search, SEARCH_TIMEOUT_MS) ? await search : undefined;
}

async function findStart(
  { command, args, cwd = "." }: StdioConfig,
  env: Readonly<Record<string, string>>,
): Promise<DirectStart | undefined> {
  // A launcher sees the real path of its folder.
  const launch = { command, args, env, cwd: await Deno.realPath(resolvePath(Deno.cwd(), cwd)) };
  switch (nameOf(command)) {
    case "npx": {
      const { findNpxStart } = await import("./npx.ts");
      return await findNpxStart(launch);
    }
    case "uvx": {
      const { findUvxStart } = await import("./uvx.ts");
      return await findUvxStart(launch);
    }
    default:
      return undefined;
  }
}

/** Whether this process may read every file and run every program. Never prompts for a permission. */
function isPermitted(): boolean {
  return (["read", "run"] as const).every((name) => {
    return Deno.permissions.querySync({ name }).state === "granted";
  });
}
