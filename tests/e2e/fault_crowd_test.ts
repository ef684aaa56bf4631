import assert from "node:assert/strict";
import {
  faultServer,
  newMark,
  NO_SHELL,
  type StdioEntry,
  waitUntilGone,
} from "./fault_processes.ts";
import { executeParams, type RunningGateway, startGateway } from "./gateway.ts";

const GOOD = 25;
const ROUNDS = 20;

/** Entries named `prefix-0` and so on. */
function many(prefix: string, count: number, entry: () => StdioEntry): Record<string, StdioEntry> {
  const names = Array.from({ length: count }, (_, number) => `${prefix}-${number}`);
  return Object.fromEntries(names.map((name) => [name, entry()]));
}

/** Waiting times of a client, in milliseconds. */
interface Waits {
  /** From the start of the gateway to its answer to `initialize`. */
  readonly handshake: number;
  /** From the handshake to the first answer of every good server. */
  readonly first: number;
  /** Median of each later call, one at a time. */
  readonly median: number;
  readonly p99: number;
}

/** Measures how fast the good servers of a gateway answer while the others are called, too. */
async function measure(servers: Record<string, StdioEntry>): Promise<Waits> {
  const started = performance.now();
  await using gateway = await startGateway({ servers });
  const initialized = performance.now();
  const bad = Object.keys(servers).filter((name) => !name.startsWith("good"));
  const failing = bad.map((name) => {
    return gateway.client.request("tools/call", executeParams(name, "wait")).catch(() => {});
  });
  const good = Object.keys(servers).filter((name) => name.startsWith("good"));
  await Promise.all(good.map((name) => echo(gateway, name, "first")));
  const first = performance.now() - initialized;
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of good) {
      const since = performance.now();
      await echo(gateway, name, `${name} ${round}`);
      times.push(performance.now() - since);
    }
  }
  times.sort((one, two) => one - two);
  const [median = NaN, p99 = NaN] = [0.5, 0.99].map((part) =>
    times[Math.floor(times.length * part)]
  );
  await gateway.end();
  await Promise.all(failing);
  return { handshake: initialized - started, first, median, p99 };
}

async function echo(gateway: RunningGateway, server: string, token: string): Promise<void> {
  assert.equal(await gateway.text(server, "echo", { token }), token);
}

Deno.test({
  name: "[faults.crowd] of 50 servers 25 that fail slow neither the others nor the handshake",
  ignore: NO_SHELL,
  fn: async () => {
    const mark = newMark();
    const good = () => many("good", GOOD, () => faultServer(mark));
    const alone = await measure(good());
    const crowd = await measure({
      ...many("mute", 10, () => faultServer(mark, "mute")),
      ...many("dying", 10, () => faultServer(mark, "dying")),
      ...many("shouting", 5, () => faultServer(mark, "shouting")),
      ...good(),
    });
    const figures = JSON.stringify({ alone, crowd });
    assert.ok(crowd.median < 5 * alone.median + 20, figures);
    // Failing servers take seconds; other load on this machine causes less delay.
    assert.ok(crowd.p99 < 5 * alone.p99 + 1000, figures);
    assert.ok(crowd.handshake < 2 * alone.handshake + 200, figures);
    assert.ok(crowd.first < 5 * alone.first + 1000, figures);
    await waitUntilGone([], mark, 1000);
  },
});
