/** Lateness of a repeated timer, in milliseconds, that shows that this process was stopped or the machine slept. */
const STOPPED_MS = 10_000;

/**
 * Calls a function again and again, as `setInterval` does, with the time for which this process was stopped before the
 * call.
 *
 * @param ms The interval in milliseconds.
 * @param action Receives the time in milliseconds; 0 if the process was not stopped.
 */
export function setStoppableInterval(
  ms: number,
  action: (stoppedMs: number) => void,
): ReturnType<typeof setInterval> {
  let calledAt = performance.now();
  return setInterval(() => {
    const lateMs = performance.now() - calledAt - ms;
    calledAt = performance.now();
    action(lateMs < STOPPED_MS ? 0 : lateMs);
  }, ms);
}
