import assert from "node:assert/strict";
import { type Deadline, Deadlines } from "../../src/downstream/deadlines.ts";

/** Records the time at which it expired. */
class Noted implements Deadline {
  readonly expired: Promise<number>;
  readonly dueAt: number;
  indexInSet = -1;
  #resolve: (at: number) => void;

  constructor(dueAt: number) {
    this.dueAt = dueAt;
    const { promise, resolve } = Promise.withResolvers<number>();
    this.expired = promise;
    this.#resolve = resolve;
  }

  expire(): void {
    this.#resolve(performance.now());
  }
}

Deno.test("deadlines expire in the order of their times, never early", async () => {
  const deadlines = new Deadlines();
  const now = performance.now();
  const order: number[] = [];
  const all = [60, 20, 40, 20].map(async (ms) => {
    const due = new Noted(now + ms);
    deadlines.add(due);
    assert.ok(await due.expired >= now + ms);
    order.push(ms);
  });
  await Promise.all(all);
  assert.deepEqual(order, [20, 20, 40, 60]);
  deadlines.close();
});

Deno.test("deadlines: a cancelled one does not expire, others of the same time do", async () => {
  const deadlines = new Deadlines();
  const at = performance.now() + 20;
  const back = new Noted(at);
  let hasCome = false;
  back.expired.then(() => hasCome = true);
  const stays = new Noted(at);
  deadlines.add(back);
  deadlines.add(stays);
  deadlines.remove(back);
  await stays.expired;
  const later = new Noted(performance.now() + 20);
  deadlines.add(later);
  await later.expired;
  assert.equal(hasCome, false);
  deadlines.close();
});

Deno.test("deadlines: one that is set again on expiry expires again", async () => {
  const deadlines = new Deadlines();
  const { promise, resolve } = Promise.withResolvers<void>();
  let times = 0;
  const due = {
    indexInSet: -1,
    dueAt: performance.now() + 5,
    expire: () => {
      if (++times === 3) return resolve();
      due.dueAt = performance.now() + 5;
      deadlines.add(due);
    },
  };
  deadlines.add(due);
  await promise;
  deadlines.close();
});

Deno.test("deadlines: a postponed one expires later, one that is moved forward expires earlier", async () => {
  const deadlines = new Deadlines();
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const now = performance.now();
  const late = { indexInSet: -1, dueAt: now + 20, expire: () => (order.push("late"), resolve()) };
  const soon = { indexInSet: -1, dueAt: now + 60_000, expire: () => order.push("soon") };
  deadlines.add(late);
  deadlines.add(soon);
  late.dueAt = now + 80;
  soon.dueAt = now + 40;
  deadlines.add(soon);
  await promise;
  assert.ok(performance.now() >= now + 80);
  assert.deepEqual(order, ["soon", "late"]);
  deadlines.close();
});
