import assert from "node:assert/strict";
import { LongWork } from "../src/long_work.ts";

function workFor(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

Deno.test("[security.long-work] a step is run at once while no turn has been used up", async () => {
  const longWork = new LongWork();
  let hasRun = false;
  const result = longWork.run("agent a", () => {
    hasRun = true;
    return 7;
  });
  assert.equal(hasRun, true);
  assert.equal(await result, 7);
});

Deno.test("[security.long-work] an error of a step rejects its promise, and the next steps run", async () => {
  const longWork = new LongWork();
  const failed = longWork.run("agent a", () => {
    throw new Error("broken");
  });
  await assert.rejects(failed, /broken/);
  assert.equal(await longWork.run("agent a", () => "next"), "next");
});

Deno.test("[security.long-work] other work runs between two long steps of several clients", async () => {
  const longWork = new LongWork();
  longWork.servesSeveralClients = true;
  const events: string[] = [];
  const first = longWork.run("agent a", () => {
    workFor(10);
    events.push("first step");
  });
  const second = longWork.run("agent a", () => events.push("second step"));
  const others = (async () => {
    for (let round = 1; round <= 3; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      events.push(`round ${round}`);
    }
  })();
  await Promise.all([first, second, others]);
  assert.deepEqual(events, ["first step", "round 1", "round 2", "round 3", "second step"]);
});

Deno.test("[security.long-work] a pause lasts for eight turns of the event loop, even if each takes long", async () => {
  const longWork = new LongWork();
  longWork.servesSeveralClients = true;
  const first = longWork.run("agent a", () => workFor(6));
  let isDone = false;
  const second = longWork.run("agent a", () => isDone = true);
  let roundCount = 0;
  while (!isDone) {
    // Eight of these turns take longer than the longest pause.
    workFor(15);
    await new Promise((resolve) => setImmediate(resolve));
    roundCount++;
  }
  await Promise.all([first, second]);
  assert.ok(roundCount >= 8, String(roundCount));
});

Deno.test("[security.long-work] the time between short steps counts, so that other work runs between thousands of them", async () => {
  const longWork = new LongWork();
  let hasOtherRun = false;
  setImmediate(() => hasOtherRun = true);
  let stepCount = 0;
  // Long gaps, which occur while the machine is busy, do not count.
  for (; stepCount < 10_000 && !hasOtherRun; stepCount++) {
    await longWork.run("agent a", () => {});
    workFor(0.01);
  }
  assert.ok(stepCount < 10_000);
});

Deno.test("[security.long-work] the agents and servers take turns", async () => {
  const longWork = new LongWork();
  const events: string[] = [];
  const steps = ["a1", "a2", "a3", "b1", "c1"].map((name) =>
    longWork.run(name.slice(0, 1), () => {
      workFor(6);
      events.push(name);
    })
  );
  await Promise.all(steps);
  assert.deepEqual(events, ["a1", "a2", "b1", "c1", "a3"]);
});

Deno.test("[security.long-work] reading a pipe does not wait for the long work of others, until it has taken its time", async () => {
  const longWork = new LongWork();
  const steps = ["a", "b"].map((party) => longWork.run(party, () => workFor(10)));
  assert.equal(longWork.runOrWait("pipe 1", () => workFor(21)), undefined);
  const second = longWork.runOrWait("pipe 1", () => {});
  assert.ok(second instanceof Promise);
  assert.equal(longWork.runOrWait("pipe 2", () => {}), undefined);
  await Promise.all([...steps, second]);
});
