import assert from "node:assert/strict";
import { listProcesses } from "./fault_processes.ts";
import { executeToolParams, readRefusal, type Refusal, type RunningGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

/**
 * Maximum duration of something that must happen immediately, in milliseconds: far less than the 60 s that a call
 * may take, but enough for a busy machine.
 */
export const IMMEDIATE_MS = 10_000;

/** Runs a function; returns its duration in milliseconds, and its result. */
export async function measureMs<T>(run: () => Promise<T>): Promise<[number, T]> {
  const startedMs = performance.now();
  const result = await run();
  return [performance.now() - startedMs, result];
}

/**
 * Starts a call that its server never answers, and waits until the server has received it.
 *
 * @returns A function that waits for the refusal of the call, after its server has failed.
 */
export async function startHeldCall(
  gateway: RunningGateway,
  server: string,
): Promise<() => Promise<Refusal>> {
  const answer = gateway.client.request("tools/call", executeToolParams(server, "wait"));
  answer.catch(() => {});
  // The server reads calls in order: when it answers `echo`, it has received `wait`.
  assert.equal(await gateway.callServerToolForText(server, "echo", { token: "sync" }), "sync");
  return async () => readRefusal((await answer).result);
}

/** Waits until no exited child of the gateway is a zombie. */
export async function waitUntilNoZombies(gateway: RunningGateway): Promise<void> {
  await waitUntil("the gateway has no zombie children", async () => {
    const zombies = (await listProcesses()).filter(({ parent, state }) => {
      return parent === gateway.program.pid && state.startsWith("Z");
    });
    return zombies.length === 0;
  }, IMMEDIATE_MS);
}

/** Runs test steps concurrently; if one fails, the others still run to their end. */
export async function runStepsConcurrently(
  t: Deno.TestContext,
  steps: Readonly<Record<string, () => Promise<void>>>,
): Promise<void> {
  // The sanitizers of a step would report the resources of concurrent steps. Those of the whole test stay on.
  const withoutSanitizers = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  const running = Object.entries(steps).map(([name, fn]) =>
    t.step({ name, fn, ...withoutSanitizers })
  );
  await Promise.all(running);
}
