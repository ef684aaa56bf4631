import assert from "node:assert/strict";
import { openMemoryCounter } from "../../src/limits/minute_counter.ts";
import { SleepingClock } from "../sleeping_clock.ts";

Deno.test("[wake.clocks] a minute ends within a minute, also if the clock is set back or forward", async () => {
  using clock = new SleepingClock();
  const counter = await openMemoryCounter();
  try {
    assert.equal((await counter.increment("a")).count, 1);
    clock.sleep(-24 * 3_600_000);
    const { count, resetMs } = await counter.increment("a");
    assert.equal(count, 2);
    assert.equal(resetMs, 60_000);
    clock.sleep(48 * 3_600_000);
    assert.equal((await counter.increment("a")).count, 1);
  } finally {
    await counter.close();
  }
});
