import { Interrupted } from "./error_report.ts";

const CLEAR_LINE = new TextEncoder().encode("\r\x1b[K");

/** The signals that end a command. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** The signals that arrive while a command runs. */
export interface Interrupts {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Called for each further signal: the person does not want to wait. */
  onFurtherSignal: () => void;
}

/**
 * Runs a function that a signal, such as Ctrl-C, may end early.
 *
 * @param run Must end its processes when the signal is aborted.
 * @throws {Interrupted} if a signal arrived, whatever `run` returned or threw.
 */
export async function withInterrupts<T>(
  run: (interrupts: Interrupts) => Promise<T>,
  signals: readonly Deno.Signal[] = SIGNALS,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const interrupts: Interrupts = { signal, onFurtherSignal: () => {} };
  const listener = (): void => {
    if (signal.aborted) interrupts.onFurtherSignal();
    else {
      // The terminal has printed ^C, perhaps in the middle of a line of progress.
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
