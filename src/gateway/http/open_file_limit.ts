/**
 * Returns the maximum number of files and connections that this process may have open.
 *
 * @returns `undefined` if the limit is unknown, or there is none.
 */
export async function readOpenFileLimit(): Promise<number | undefined> {
  if (Deno.build.os === "windows") return undefined;
  try {
    // Deno may read /proc/self/limits only with all permissions. Processes inherit the limit.
    const { stdout } = await new Deno.Command("sh", {
      args: ["-c", "ulimit -n"],
      stdin: "null",
      stderr: "null",
    }).output();
    const limit = Number(new TextDecoder().decode(stdout));
    return Number.isInteger(limit) && limit > 0 ? limit : undefined;
  } catch {
    return undefined;
  }
}
