/** Exit code of a command that was told to end, as shells have it for SIGINT. */
export const INTERRUPTED = 130;

const CLEAR_LINE = new TextEncoder().encode("\r\x1b[K");

/** What is left to do when a person presses Ctrl-C. */
export interface Interrupts {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** What to do on the second: nobody wants to wait. */
  onSecond: () => void;
}

/**
 * Runs a command that a signal may end early. The command sees to it that nothing is left behind.
 *
 * @param run Gives the exit code.
 * @returns That code, or 130 where a signal came first.
 */
export async function withInterrupts(
  run: (interrupts: Interrupts) => Promise<number>,
): Promise<number> {
  const controller = new AbortController();
  const interrupts: Interrupts = { signal: controller.signal, onSecond: () => {} };
  const listener = (): void => {
    if (controller.signal.aborted) interrupts.onSecond();
    else {
      // A terminal has shown ^C, perhaps behind a line that was to be written over.
      if (Deno.stderr.isTerminal()) Deno.stderr.writeSync(CLEAR_LINE);
      controller.abort(new DOMException("Interrupted", "AbortError"));
    }
  };
  const names: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const name of names) Deno.addSignalListener(name, listener);
  try {
    const code = await run(interrupts);
    return controller.signal.aborted ? INTERRUPTED : code;
  } catch (error) {
    if (controller.signal.aborted) return INTERRUPTED;
    throw error;
  } finally {
    for (const name of names) Deno.removeSignalListener(name, listener);
  }
}
