import assert from "node:assert/strict";
import { CircuitBreaker, StartAbandoned } from "../../src/downstream/circuit_breaker.ts";
import { DownstreamError } from "../../src/errors.ts";

/** Creates a circuit breaker; `state` has its time and the number of starts that it has permitted. */
function createBreaker() {
  const state = { now: 0, starts: 0 };
  const breaker = new CircuitBreaker("files", () => state.now);
  /** Runs a start, and returns the error of its refusal or failure. */
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
  for (let start = 0; start < 5; start++) await fail();
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
  const answers = [];
  for (let breaker = 0; breaker < 50; breaker++) {
    const { state, run, fail } = createBreaker();
    for (let start = 0; start < 5; start++) await fail();
    state.now = 1100;
    answers.push(await run());
  }
  // On average, half of them start. The probability that all 50 agree is 2 to the power of -49.
  assert.ok(answers.includes("started"));
  assert.ok(answers.some((answer) => answer instanceof DownstreamError));
});

Deno.test("[sessions.start-guard] a successful start resets the count of failures", async () => {
  const { state, run, fail } = createBreaker();
  for (let round = 0; round < 3; round++) {
    for (let start = 0; start < 4; start++) await fail();
    assert.equal(await run(), "started");
  }
  assert.equal(state.starts, 15);
});

Deno.test("[sessions.start-guard] a cancelled start counts neither as a success nor as a failure", async () => {
  const { state, run, fail } = createBreaker();
  for (let start = 0; start < 20; start++) await run(new StartAbandoned("closed"));
  assert.equal(state.starts, 20);
  for (let start = 0; start < 5; start++) await fail();
  state.now = 1200;
  // A cancelled trial is not a success: the circuit stays open.
  await run(new StartAbandoned("closed"));
  assert.ok(await run() instanceof DownstreamError);
  assert.equal(state.starts, 26);
});

Deno.test("[sessions.start-guard] starts that wait for a trial run if it succeeds, and fail with its error if it fails", async () => {
  for (const isSuccessful of [true, false]) {
    const { state, breaker, run, fail } = createBreaker();
    for (let start = 0; start < 5; start++) await fail();
    state.now = 1200;
    const trial = Promise.withResolvers<string>();
    const running = breaker.run(() => trial.promise).catch(() => "failed");
    const waiting = [run(), run()];
    assert.equal(state.starts, 5);
    if (isSuccessful) trial.resolve("started");
    else trial.reject(new Error("still no licence"));
    await running;
    const answers = await Promise.all(waiting);
    if (isSuccessful) assert.deepEqual(answers, ["started", "started"]);
    else assert.ok(answers.every((answer) => /still no licence/.test(String(answer))));
    assert.equal(state.starts, isSuccessful ? 7 : 5);
  }
});

Deno.test("[sessions.start-guard] any number of starts that fail together cause one pause", async () => {
  const { state, run, fail } = createBreaker();
  await Promise.all(Array.from({ length: 20 }, fail));
  state.now = 1200;
  assert.equal(await run(), "started");
});
