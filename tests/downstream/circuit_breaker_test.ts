import assert from "node:assert/strict";
import { SleepingClock } from "../sleeping_clock.ts";
import { CircuitBreaker, StartAbandoned } from "../../src/downstream/circuit_breaker.ts";
import { DownstreamError } from "../../src/errors.ts";

/** Failed starts in a row that open the circuit. */
const FAILURES_UNTIL_OPEN = 5;

/** Creates a circuit breaker; `state` has its time in milliseconds, and the number of permitted starts. */
function createBreaker() {
  const state = { now: 0, starts: 0 };
  const breaker = new CircuitBreaker("files", () => state.now);
  /** Runs a start; returns "started", or the error of the refusal or failure. */
  const run = (error?: Error): Promise<unknown> => {
    const start = () => {
      state.starts++;
      return error === undefined ? Promise.resolve("started") : Promise.reject(error);
    };
    return breaker.run(start).catch((cause: unknown) => cause);
  };
  const fail = () => run(new Error("no licence"));
  return { state, breaker, run, fail };
}

Deno.test("[sessions.start-guard] the pause doubles from 1 s to 60 s, plus a random part of at most a fifth", async () => {
  const { state, fail } = createBreaker();
  for (let start = 0; start < FAILURES_UNTIL_OPEN; start++) await fail();
  for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
    const startsBefore = state.starts;
    const openedAt = state.now;
    state.now = openedAt + seconds * 1000 - 1;
    const refusal = await fail();
    assert.ok(refusal instanceof DownstreamError && refusal.code === "SERVER_UNAVAILABLE");
    assert.match(refusal.message, /tried again in \d+ s\. Last failure: no licence$/);
    assert.equal(state.starts, startsBefore);
    state.now = openedAt + seconds * 1200;
    await fail();
    assert.equal(state.starts, startsBefore + 1);
  }
});

Deno.test("[sessions.start-guard] servers that failed at the same time are not retried at the same time", async () => {
  const outcomes = [];
  for (let breaker = 0; breaker < 50; breaker++) {
    const { state, run, fail } = createBreaker();
    for (let start = 0; start < FAILURES_UNTIL_OPEN; start++) await fail();
    state.now = 1100;
    outcomes.push(await run());
  }
  // On average, half of the servers start. The probability that all 50 agree is 2 to the power of -49.
  assert.ok(outcomes.includes("started"));
  assert.ok(outcomes.some((outcome) => outcome instanceof DownstreamError));
});

Deno.test("[sessions.start-guard] a successful start resets the count of failures", async () => {
  const { state, run, fail } = createBreaker();
  for (let round = 0; round < 3; round++) {
    for (let start = 0; start < FAILURES_UNTIL_OPEN - 1; start++) await fail();
    assert.equal(await run(), "started");
  }
  assert.equal(state.starts, 3 * FAILURES_UNTIL_OPEN);
});

Deno.test("[sessions.start-guard] a cancelled start counts neither as a success nor as a failure", async () => {
  const { state, run, fail } = createBreaker();
  for (let start = 0; start < 20; start++) await run(new StartAbandoned("closed"));
  assert.equal(state.starts, 20);
  for (let start = 0; start < FAILURES_UNTIL_OPEN; start++) await fail();
  state.now = 1200;
  // A cancelled trial is not a success: the circuit stays open.
  await run(new StartAbandoned("closed"));
  assert.ok(await run() instanceof DownstreamError);
  assert.equal(state.starts, 20 + FAILURES_UNTIL_OPEN + 1);
});

Deno.test("[sessions.start-guard] starts that wait for a trial run if the trial succeeds, and fail with the trial's error if it fails", async () => {
  for (const isSuccessful of [true, false]) {
    const { state, breaker, run, fail } = createBreaker();
    for (let start = 0; start < FAILURES_UNTIL_OPEN; start++) await fail();
    state.now = 1200;
    const trial = Promise.withResolvers<string>();
    const trialEnd = breaker.run(() => trial.promise).catch(() => "failed");
    const waitingStarts = [run(), run()];
    assert.equal(state.starts, FAILURES_UNTIL_OPEN);
    if (isSuccessful) trial.resolve("started");
    else trial.reject(new Error("still no licence"));
    await trialEnd;
    const outcomes = await Promise.all(waitingStarts);
    if (isSuccessful) assert.deepEqual(outcomes, ["started", "started"]);
    else assert.ok(outcomes.every((outcome) => /still no licence/.test(String(outcome))));
    assert.equal(state.starts, FAILURES_UNTIL_OPEN + (isSuccessful ? 2 : 0));
  }
});

Deno.test("[sessions.start-guard] any number of starts that fail together cause one pause", async () => {
  const { state, run, fail } = createBreaker();
  await Promise.all(Array.from({ length: 20 }, fail));
  state.now = 1200;
  assert.equal(await run(), "started");
});

Deno.test("[wake.clocks] a clock that is set back lengthens no pause between starts, and a sleep ends it", async () => {
  using clock = new SleepingClock();
  let starts = 0;
  const breaker = new CircuitBreaker("files");
  const fail = () =>
    breaker.run(() => {
      starts++;
      return Promise.reject(new Error("no network"));
    }).catch((cause: unknown) => cause);
  for (let start = 0; start < FAILURES_UNTIL_OPEN; start++) await fail();
  clock.sleep(-24 * 3_600_000);
  const refusal = await fail();
  assert.ok(refusal instanceof DownstreamError);
  assert.match(refusal.message, /tried again in [12] s/);
  assert.equal(starts, FAILURES_UNTIL_OPEN);
  clock.sleep(3_600_000);
  await fail();
  assert.equal(starts, FAILURES_UNTIL_OPEN + 1);
});
