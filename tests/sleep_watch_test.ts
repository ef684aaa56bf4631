import assert from "node:assert/strict";
import { SleepWatch } from "../src/sleep_watch.ts";

/** Both clocks, which move on only as the test says. */
class StoppedClocks implements Disposable {
  readonly #wallNow = Date.now;
  readonly #monotonicNow = performance.now;
  #wallMs = Date.now();
  #monotonicMs = performance.now();

  constructor() {
    Date.now = () => this.#wallMs;
    performance.now = () => this.#monotonicMs;
  }

  /** Moves the clocks on. */
  advance(
    { wallMs, monotonicMs }: { readonly wallMs: number; readonly monotonicMs: number },
  ): void {
    this.#wallMs += wallMs;
    this.#monotonicMs += monotonicMs;
  }

  [Symbol.dispose](): void {
    Date.now = this.#wallNow;
    performance.now = this.#monotonicNow;
  }
}

for (
  const [name, wallMs, monotonicMs, sleptMs] of [
    ["a sleep of Linux or macOS shows in the wall clock alone", 3_600_000, 4000, 3_596_000],
    [
      "a sleep of Windows, or a stop of the process, makes the timer late",
      60_000,
      60_000,
      55_000,
    ],
    ["a sleep of less than 10 s does not count", 9000, 0, undefined],
    ["a clock that is set back is no sleep", -3_600_000, 5000, undefined],
    ["work that takes 12 s is no sleep", 12_000, 12_000, undefined],
  ] as const
) {
  Deno.test(`[wake.noticed] ${name}`, () => {
    using clocks = new StoppedClocks();
    const watch = new SleepWatch();
    const sleeps: number[] = [];
    // The sanitizers of the test runner report a timer that is left.
    const stop = watch.watch((ms) => sleeps.push(ms));
    clocks.advance({ wallMs, monotonicMs });
    watch.compareClocks();
    watch.compareClocks();
    stop();
    assert.deepEqual(sleeps, sleptMs === undefined ? [] : [sleptMs]);
    assert.equal(watch.countSleeps(), sleeps.length);
  });
}

Deno.test("[wake.noticed] without listeners, only the difference of the clocks shows a sleep", () => {
  using clocks = new StoppedClocks();
  const watch = new SleepWatch();
  clocks.advance({ wallMs: 3_600_000, monotonicMs: 3_600_000 });
  assert.equal(watch.countSleeps(), 0);
  clocks.advance({ wallMs: 3_600_000, monotonicMs: 1000 });
  assert.equal(watch.countSleeps(), 1);
});
