/** Clock ticks per second in the `stat` file of a process on Linux. */
const TICKS_PER_SECOND = 100;

/** Returns the resident memory of a process in MB of 1,000,000 bytes; NaN if unknown. */
export function residentMb(pid: number): number {
  return Number(readOutput("ps", "-o", "rss=", "-p", String(pid))) * 1024 / 1e6;
}

/** Returns the proportional set size (PSS) of processes in MB, in which shared memory counts once; NaN if unknown. */
export function proportionalMb(pids: readonly number[]): number {
  if (Deno.build.os !== "linux") return NaN;
  const paths = pids.map((pid) => `/proc/${pid}/smaps_rollup`);
  const { stdout } = new Deno.Command("cat", { args: paths, stderr: "null" }).outputSync();
  const lines = new TextDecoder().decode(stdout).matchAll(/^Pss: +(\d+) kB$/gm);
  return [...lines].reduce((sum, [, kib]) => sum + Number(kib), 0) * 1024 / 1e6;
}

/** Returns the processor time of a process in seconds; NaN if unknown. */
export function processorSeconds(pid: number): number {
  if (Deno.build.os !== "linux") return NaN;
  // The name, in parentheses, may contain spaces. Counted from 0 after the name, fields 11 and 12 are
  // `utime` and `stime`.
  const fields = readOutput("cat", `/proc/${pid}/stat`).replace(/^.*\) /s, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function readOutput(command: string, ...args: string[]): string {
  try {
    const { success, stdout } = new Deno.Command(command, { args, stderr: "null" }).outputSync();
    return success ? new TextDecoder().decode(stdout).trim() : "NaN";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "NaN";
    throw error;
  }
}
