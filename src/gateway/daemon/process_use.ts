/** Number of processes, and the memory that they hold. */
export interface ProcessUse {
  /** Number of processes. */
  readonly processes: number;
  /** Resident memory in bytes; memory that processes share counts for each of them. */
  readonly rss: number;
}

/**
 * Adds up the processes of groups, with the program `ps`.
 *
 * @returns The sums by process group; `undefined` where there is no such program.
 */
export async function readProcessUse(): Promise<ReadonlyMap<number, ProcessUse> | undefined> {
  if (Deno.build.os === "windows") return undefined;
  try {
    const { success, stdout } = await new Deno.Command("ps", {
      args: ["-A", "-o", "pgid=,rss="],
      stdin: "null",
      stderr: "null",
    }).output();
    return success ? sumByGroup(new TextDecoder().decode(stdout)) : undefined;
  } catch {
    return undefined;
  }
}

function sumByGroup(text: string): ReadonlyMap<number, ProcessUse> {
  const sums = new Map<number, ProcessUse>();
  for (const line of text.split("\n")) {
    const [, group, kib] = /^\s*(\d+)\s+(\d+)\s*$/.exec(line) ?? [];
    if (group === undefined) continue;
    const { processes, rss } = sums.get(Number(group)) ?? { processes: 0, rss: 0 };
    sums.set(Number(group), { processes: processes + 1, rss: rss + Number(kib) * 1024 });
  }
  return sums;
}
