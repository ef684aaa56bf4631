import type { Log } from "../log.ts";

/**
 * A shell script that reads `+ID`, `-ID` and `-ID NUMBER` lines, and ends the remaining groups at the end of its
 * input. The input ends when the gateway has ended for any reason. The script ignores signals that are
 * meant for the gateway.
 *
 * A process that left its group is found by the mark in its environment, which consists of the script's first
 * argument and the number of the group. Only Linux shows the environment in `/proc`; on other systems such a
 * process is not found.
 */
const SCRIPT = `trap '' INT TERM HUP
signal_marked() {
  grep -lsF -e "$2" /proc/[0-9]*/environ 2>/dev/null | {
    found=1
    while IFS=/ read -r empty proc id file; do kill -s "$1" "$id" 2>/dev/null; found=0; done
    return $found
  }
}
end_marked() {
  signal_marked TERM "$1" || return
  sleep 1
  kill_marked "$1"
}
# A process that forks and exits quickly may be gone before the kill. The next pass then finds its child.
kill_marked() {
  for pass in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    signal_marked KILL "$1" || return
  done
}
groups=' '
while read -r line number; do
  id=\${line#?}
  case $line in
    +*) groups="$groups$id " ;;
    -*)
      groups="\${groups%% $id *} \${groups#* $id }"
      [ -z "$number" ] || end_marked "$1.$number." &
      ;;
  esac
done
for id in $groups; do kill -s TERM -- "-$id" 2>/dev/null; done
signal_marked TERM "$1."
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  alive=' '
  for id in $groups; do kill -s 0 -- "-$id" 2>/dev/null && alive="$alive$id "; done
  groups=$alive
  [ "$groups" != ' ' ] || signal_marked 0 "$1." || exit 0
  # A sleep that accepts no fractions waits for the whole second.
  sleep 0.1 2>/dev/null || { sleep 1; break; }
done
for id in $groups; do kill -s KILL -- "-$id" 2>/dev/null; done
kill_marked "$1."
exit 0`;

/**
 * Ends process groups if the gateway itself is killed. When a group ends, also ends the
 * processes that left it. The watchdog is a shell that waits for the end of its input, a pipe that only the
 * gateway holds. It is started with the first group.
 */
export class Watchdog {
  readonly #log: Log;
  readonly #mark = crypto.randomUUID();
  readonly #encoder = new TextEncoder();
  #child: Deno.ChildProcess | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #isOff = Deno.build.os === "windows";

  /**
   * Creates a watchdog that does not run yet.
   *
   * @param log Receives a warning if the watchdog cannot be started.
   */
  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * Returns the mark for the environment of a group's processes.
   *
   * @param number The number of the process group, which is not used again.
   */
  createMark(number: number): string {
    return `${this.#mark}.${number}.`;
  }

  /** Registers a group, to be ended if the gateway is killed. */
  register(groupId: number): void {
    if (this.#isOff) return;
    this.#start();
    this.#write(`+${groupId}\n`);
  }

  /**
   * Removes a group that has ended: the system may reuse its id.
   *
   * @param number The number in the mark of the group's processes. Processes with the mark that left the group are ended.
   * Default: no search for such processes.
   */
  unregister(groupId: number, number?: number): void {
    this.#write(`-${groupId}${number === undefined ? "" : ` ${number}`}\n`);
  }

  /** Ends the watchdog, which ends the groups that are still registered. */
  async close(): Promise<void> {
    this.#isOff = true;
    await this.#writer?.close().catch(() => {});
    await this.#child?.status;
  }

  #start(): void {
    if (this.#child !== undefined) return;
    try {
      this.#child = new Deno.Command("sh", {
        args: ["-c", SCRIPT, "watchdog", this.#mark],
        stdin: "piped",
        stdout: "null",
        stderr: "null",
        detached: true,
      }).spawn();
      this.#writer = this.#child.stdin.getWriter();
      this.#writer.closed.catch(() => {});
    } catch (error) {
      this.#isOff = true;
      this.#log.warn("There is no watchdog: processes may keep running if the gateway is killed", {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #write(line: string): void {
    this.#writer?.write(this.#encoder.encode(line)).catch(() => {
      this.#isOff = true;
      this.#writer = undefined;
    });
  }
}
