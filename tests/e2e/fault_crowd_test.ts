import assert from "node:assert/strict";
import {
  faultServer,
  HAS_NO_SHELL,
  newMark,
  type StdioEntry,
  waitUntilGone,
} from "./fault_processes.ts";
import { executeToolParams, type RunningGateway, startGateway } from "./gateway.ts";

const HEALTHY_COUNT = 25;
const ROUNDS = 20;

/** Entries named `prefix-0` and so on. */
function makeEntries(
  prefix: string,
  count: number,
  entry: () => StdioEntry,
): Record<string, StdioEntry> {
  const names = Array.from({ length: count }, (_, number) => `${prefix}-${number}`);
  return Object.fromEntries(names.map((name) => [name, entry()]));
}

/** Waiting times of a client, in milliseconds. */
interface Latencies {
  /** From the start of the gateway to its answer to `initialize`. */
  readonly handshakeMs: number;
  /** From the handshake to the first answer of every good server. */
  readonly firstAnswersMs: number;
  /** Median of each later call, one at a time. */
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** Measures how fast the good servers of a gateway answer while the others are called, too. */
async function measureLatencies(servers: Record<string, StdioEntry>): Promise<Latencies> {
  const started = performance.now();
  await using gateway = await startGateway({ servers });
  const initialized = performance.now();
  const bad = Object.keys(servers).filter((name) => !name.startsWith("good"));
  const failing = bad.map((name) => {
    return gateway.client.request("tools/call", executeToolParams(name, "wait")).catch(() => {});
  });
  const good = Object.keys(servers).filter((name) => name.startsWith("good"));
  await Promise.all(good.map((name) => callEcho(gateway, name, "first")));
  const first = performance.now() - initialized;
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of good) {
      const since = performance.now();
      await callEcho(gateway, name, `${name} ${round}`);
      times.push(performance.now() - since);
    }
  }
  times.sort((one, two) => one - two);
  const [median = NaN, p99 = NaN] = [0.5, 0.99].map((part) =>
    times[Math.floor(times.length * part)]
  );
  await gateway.end();
  await Promise.all(failing);
  return {
    handshakeMs: initialized - started,
    firstAnswersMs: first,
    medianMs: median,
    p99Ms: p99,
  };
}

async function callEcho(gateway: RunningGateway, server: string, token: string): Promise<void> {
  assert.equal(await gateway.callServerToolForText(server, "echo", { token }), token);
}

Deno.test({
  name: "[faults.crowd] of 50 servers 25 that fail slow neither the others nor the handshake",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    const mark = newMark();
    const good = () => makeEntries("good", HEALTHY_COUNT, () => faultServer(mark));
    const alone = await measureLatencies(good());
    const crowd = await measureLatencies({
      ...makeEntries("mute", 10, () => faultServer(mark, "mute")),
      ...makeEntries("dying", 10, () => faultServer(mark, "dying")),
      ...makeEntries("shouting", 5, () => faultServer(mark, "shouting")),
      ...good(),
    });
    const figures = JSON.stringify({ alone, crowd });
    assert.ok(crowd.medianMs < 5 * alone.medianMs + 20, figures);
    // Failing servers take seconds; other load on this machine causes less delay.
    assert.ok(crowd.p99Ms < 5 * alone.p99Ms + 1000, figures);
    assert.ok(crowd.handshakeMs < 2 * alone.handshakeMs + 200, figures);
    assert.ok(crowd.firstAnswersMs < 5 * alone.firstAnswersMs + 1000, figures);
    await waitUntilGone([], mark, 1000);
  },
});
