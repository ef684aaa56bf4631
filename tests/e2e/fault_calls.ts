import assert from "node:assert/strict";
import { listProcesses } from "./fault_processes.ts";
import { executeToolParams, readRefusal, type Refusal, type RunningGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

/**
 * Maximum duration of something that happens immediately, in milliseconds; far more than it takes.
 */
export const IMMEDIATE_MS = 1000;

/** Runs a function; returns its duration in milliseconds and its result. */
export async function measureMs<T>(run: () => Promise<T>): Promise<[number, T]> {
  const since = performance.now();
  const value = await run();
  return [performance.now() - since, value];
}

/**
 * Starts a call that will be refused because its server fails, and waits until the server has
 * received it.
 *
 * @returns A promise of the refusal.
 */
export async function startHeldCall(
  gateway: RunningGateway,
  server: string,
): Promise<() => Promise<Refusal>> {
  const answer = gateway.client.request("tools/call", executeToolParams(server, "wait"));
  answer.catch(() => {});
  // The server has read the call when it answers a later one.
  assert.equal(await gateway.callServerToolForText(server, "echo", { token: "sync" }), "sync");
  return async () => readRefusal((await answer).result);
}

/** Waits until the gateway has reaped all its exited children. */
export async function waitUntilNoZombies(gateway: RunningGateway): Promise<void> {
  await waitUntil("the gateway has waited for its children", async () => {
    const zombies = (await listProcesses()).filter(({ parent, state }) => {
      return parent === gateway.program.pid && state.startsWith("Z");
    });
    return zombies.length === 0;
  }, IMMEDIATE_MS);
}

/** Runs steps that mostly wait concurrently; each fails on its own. */
export async function runStepsConcurrently(
  t: Deno.TestContext,
  steps: Readonly<Record<string, () => Promise<void>>>,
): Promise<void> {
  // The sanitizers of the steps would see one another's resources; the test's own sanitizers are
  // on.
  const unwatched = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  const running = Object.entries(steps).map(([name, fn]) => t.step({ name, fn, ...unwatched }));
  await Promise.all(running);
}
