import { Interrupted } from "./error_report.ts";

const CLEAR_LINE = new TextEncoder().encode("\r\x1b[K");

/** The signals that end a command. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** The signals that came while something ran. */
export interface Interrupts {
  /** Aborted by the first one. */
  readonly signal: AbortSignal;
  /** Called for each further one: the person does not want to wait. */
  onSecond: () => void;
}

/**
 * Runs what a signal may end early, such as Ctrl-C. It has to leave nothing behind.
 *
 * @throws {Interrupted} A signal came, whatever was returned or thrown then.
 */
export async function withInterrupts<T>(
  run: (interrupts: Interrupts) => Promise<T>,
  signals: readonly Deno.Signal[] = SIGNALS,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const interrupts: Interrupts = { signal, onSecond: () => {} };
  const listener = (): void => {
    if (signal.aborted) interrupts.onSecond();
    else {
      // The terminal has printed ^C, perhaps into a line of progress.
      if (Deno.stderr.isTerminal()) Deno.stderr.writeSync(CLEAR_LINE);
      controller.abort(new DOMException("Interrupted", "AbortError"));
    }
  };
  for (const name of signals) Deno.addSignalListener(name, listener);
  try {
    const result = await run(interrupts);
    if (!signal.aborted) return result;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const name of signals) Deno.removeSignalListener(name, listener);
  }
  throw new Interrupted("A signal ended the command");
}
