import assert from "node:assert/strict";
import { listProcesses } from "./fault_processes.ts";
import { executeParams, readRefusal, type Refusal, type RunningGateway } from "./gateway.ts";
import { until } from "./until.ts";

/** How long something may take that happens at once, in milliseconds; far more than it takes. */
export const AT_ONCE_MS = 1000;

/** Milliseconds that something takes, and what it gives. */
export async function timed<T>(run: () => Promise<T>): Promise<[number, T]> {
  const since = performance.now();
  const value = await run();
  return [performance.now() - since, value];
}

/**
 * Starts a call that is answered with a refusal when its server fails, and waits until the server
 * has it.
 *
 * @returns What waits for the refusal.
 */
export async function callUnderWay(
  gateway: RunningGateway,
  server: string,
): Promise<() => Promise<Refusal>> {
  const answer = gateway.client.request("tools/call", executeParams(server, "wait"));
  answer.catch(() => {});
  // What comes after it has been read after it.
  assert.equal(await gateway.text(server, "echo", { token: "sync" }), "sync");
  return async () => readRefusal((await answer).result);
}

/** Waits until the gateway has waited for all its children that have ended. */
export async function noZombies(gateway: RunningGateway): Promise<void> {
  await until("the gateway has waited for its children", async () => {
    const zombies = (await listProcesses()).filter(({ parent, state }) => {
      return parent === gateway.program.pid && state.startsWith("Z");
    });
    return zombies.length === 0;
  }, AT_ONCE_MS);
}

/** Runs steps that mostly wait, at the same time; a failure of one is its own. */
export async function runTogether(
  t: Deno.TestContext,
  steps: Readonly<Record<string, () => Promise<void>>>,
): Promise<void> {
  // They must not mind one another's resources; the test minds all.
  const unwatched = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  const running = Object.entries(steps).map(([name, fn]) => t.step({ name, fn, ...unwatched }));
  await Promise.all(running);
}
