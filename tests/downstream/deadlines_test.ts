import assert from "node:assert/strict";
import { type Deadline, Deadlines } from "../../src/downstream/deadlines.ts";

/** A deadline whose `expired` resolves with the time at which it expired. */
class RecordedDeadline implements Deadline {
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

Deno.test("deadlines expire, but never early, whatever the order in which they were added", async () => {
  const deadlines = new Deadlines();
  const now = performance.now();
  const expirations = [60, 20, 40, 20].map(async (ms) => {
    const deadline = new RecordedDeadline(now + ms);
    deadlines.add(deadline);
    assert.ok(await deadline.expired >= now + ms);
  });
  await Promise.all(expirations);
  deadlines.close();
});

Deno.test("a removed deadline does not expire, but another one that is due at the same time does", async () => {
  const deadlines = new Deadlines();
  const dueAt = performance.now() + 20;
  const removedDeadline = new RecordedDeadline(dueAt);
  let hasExpired = false;
  removedDeadline.expired.then(() => hasExpired = true);
  const keptDeadline = new RecordedDeadline(dueAt);
  deadlines.add(removedDeadline);
  deadlines.add(keptDeadline);
  deadlines.remove(removedDeadline);
  await keptDeadline.expired;
  const laterDeadline = new RecordedDeadline(performance.now() + 20);
  deadlines.add(laterDeadline);
  await laterDeadline.expired;
  assert.equal(hasExpired, false);
  deadlines.close();
});

Deno.test("a deadline that is added again in its `expire` expires again", async () => {
  const deadlines = new Deadlines();
  const { promise, resolve } = Promise.withResolvers<void>();
  let expiryCount = 0;
  const deadline = {
    indexInSet: -1,
    dueAt: performance.now() + 5,
    expire: () => {
      if (++expiryCount === 3) return resolve();
      deadline.dueAt = performance.now() + 5;
      deadlines.add(deadline);
    },
  };
  deadlines.add(deadline);
  await promise;
  deadlines.close();
});

Deno.test("a postponed deadline expires later, and a deadline that was moved forward expires earlier", async () => {
  const deadlines = new Deadlines();
  const expiredNames: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const now = performance.now();
  const late = {
    indexInSet: -1,
    dueAt: now + 20,
    expire: () => (expiredNames.push("late"), resolve()),
  };
  const soon = { indexInSet: -1, dueAt: now + 60_000, expire: () => expiredNames.push("soon") };
  deadlines.add(late);
  deadlines.add(soon);
  late.dueAt = now + 80;
  soon.dueAt = now + 40;
  deadlines.add(soon);
  await promise;
  assert.ok(performance.now() >= now + 80);
  assert.deepEqual(expiredNames, ["soon", "late"]);
  deadlines.close();
});

Deno.test("a deadline whose `expire` throws does not keep the others from expiring", async () => {
  const deadlines = new Deadlines();
  const dueAt = performance.now() + 20;
  const reported = Promise.withResolvers<string>();
  const onError = (event: ErrorEvent): void => {
    event.preventDefault();
    reported.resolve(event.message);
  };
  globalThis.addEventListener("error", onError);
  try {
    deadlines.add({
      indexInSet: -1,
      dueAt,
      expire: () => {
        throw new Error("expire failed");
      },
    });
    const deadline = new RecordedDeadline(dueAt);
    deadlines.add(deadline);
    await deadline.expired;
    assert.match(await reported.promise, /expire failed/);
  } finally {
    globalThis.removeEventListener("error", onError);
    deadlines.close();
  }
});

Deno.test("[wake.late-timers] a deadline that comes late leaves time to read what has arrived", async () => {
  const deadlines = new Deadlines();
  const start = performance.now();
  const answered = new RecordedDeadline(start + 20);
  const unanswered = new RecordedDeadline(start + 20);
  deadlines.add(answered);
  deadlines.add(unanswered);
  const arrived = new Promise<void>((resolve) => setTimeout(resolve, 30));
  // The process is stopped.
  while (performance.now() < start + 1500);
  await arrived;
  deadlines.remove(answered);
  assert.ok(await unanswered.expired >= start + 3000);
  assert.equal(
    await Promise.race([answered.expired, Promise.resolve("not expired")]),
    "not expired",
  );
  deadlines.close();
});
