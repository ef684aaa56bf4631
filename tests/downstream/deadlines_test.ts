import assert from "node:assert/strict";
import { Deadlines, type Due } from "../../src/downstream/deadlines.ts";

/** Notes when it expired. */
class Noted implements Due {
  readonly expired: Promise<number>;
  #resolve: (at: number) => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.expired = promise;
    this.#resolve = resolve;
  }

  expire(): void {
    this.#resolve(performance.now());
  }
}

Deno.test("deadlines: each comes in its order, never early, whichever was set first", async () => {
  const deadlines = new Deadlines();
  const now = performance.now();
  const order: number[] = [];
  const all = [60, 20, 40, 20].map(async (ms) => {
    const due = new Noted();
    deadlines.add(due, now + ms);
    assert.ok(await due.expired >= now + ms);
    order.push(ms);
  });
  await Promise.all(all);
  assert.deepEqual(order, [20, 20, 40, 60]);
  deadlines.close();
});

Deno.test("deadlines: one that was taken back does not come, others of the same moment do", async () => {
  const deadlines = new Deadlines();
  const at = performance.now() + 20;
  const back = new Noted();
  let hasCome = false;
  back.expired.then(() => hasCome = true);
  const stays = new Noted();
  const tick = deadlines.add(back, at);
  deadlines.add(stays, at);
  deadlines.remove(back, tick);
  await stays.expired;
  const later = new Noted();
  deadlines.add(later, performance.now() + 20);
  await later.expired;
  assert.equal(hasCome, false);
  deadlines.close();
});

Deno.test("deadlines: one that is set again when it comes is waited for again", async () => {
  const deadlines = new Deadlines();
  const { promise, resolve } = Promise.withResolvers<void>();
  let times = 0;
  const due: Due = {
    expire: () => {
      if (++times === 3) resolve();
      else deadlines.add(due, performance.now() + 5);
    },
  };
  deadlines.add(due, performance.now() + 5);
  await promise;
  deadlines.close();
});
