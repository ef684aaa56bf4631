import type { Log } from "../log.ts";

/**
 * Reads `+ID` and `-ID` lines, and ends the groups that are left when its input ends: that is when
 * the gateway is gone, however it went. Signals that are meant for the gateway do not concern it.
 */
const SCRIPT = `trap '' INT TERM HUP
groups=' '
while read -r line; do
  id=\${line#?}
  case $line in
    +*) groups="$groups$id " ;;
    -*) groups="\${groups%% $id *} \${groups#* $id }" ;;
  esac
done
for id in $groups; do kill -s TERM -- "-$id" 2>/dev/null; done
for turn in 1 2 3 4 5 6 7 8 9 10; do
  left=' '
  for id in $groups; do kill -s 0 -- "-$id" 2>/dev/null && left="$left$id "; done
  groups=$left
  [ "$groups" != ' ' ] || exit 0
  # A sleep that knows no fractions takes the whole second at once.
  sleep 0.1 2>/dev/null || { sleep 1; break; }
done
for id in $groups; do kill -s KILL -- "-$id" 2>/dev/null; done
exit 0`;

/**
 * Ends the servers' process groups should the gateway itself be killed: a small shell that waits
 * for the end of a pipe which only the gateway holds. Started with the first group.
 */
export class Watchdog {
  readonly #log: Log;
  readonly #encoder = new TextEncoder();
  #child: Deno.ChildProcess | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #isGone = Deno.build.os === "windows";

  /**
   * Prepares the watchdog; nothing is started yet.
   *
   * @param log Is told when there is none.
   */
  constructor(log: Log) {
    this.#log = log;
  }

  /** Has a group ended should the gateway be killed. */
  register(groupId: number): void {
    if (this.#isGone) return;
    this.#start();
    this.#tell(`+${groupId}\n`);
  }

  /** Forgets a group that has ended: the system may give its id to others. */
  unregister(groupId: number): void {
    this.#tell(`-${groupId}\n`);
  }

  /** Ends the watchdog, which ends the groups that are still registered. */
  async close(): Promise<void> {
    this.#isGone = true;
    await this.#writer?.close().catch(() => {});
    await this.#child?.status;
  }

  #start(): void {
    if (this.#child !== undefined) return;
    try {
      this.#child = new Deno.Command("sh", {
        args: ["-c", SCRIPT],
        stdin: "piped",
        stdout: "null",
        stderr: "null",
        detached: true,
      }).spawn();
      this.#writer = this.#child.stdin.getWriter();
      this.#writer.closed.catch(() => {});
    } catch (error) {
      this.#isGone = true;
      this.#log.warn("There is no watchdog: servers may be left should the gateway be killed", {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #tell(line: string): void {
    this.#writer?.write(this.#encoder.encode(line)).catch(() => {
      this.#isGone = true;
      this.#writer = undefined;
    });
  }
}
