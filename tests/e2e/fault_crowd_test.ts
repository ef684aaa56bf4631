import assert from "node:assert/strict";
import {
  faultServer,
  HAS_NO_SHELL,
  newMark,
  type StdioEntry,
  waitUntilGone,
} from "./fault_processes.ts";
import { executeToolParams, type RunningGateway, startGateway } from "./gateway.ts";

const GOOD_COUNT = 25;

/** Number of measured calls of each good server. */
const ROUNDS = 20;

/** Makes entries of `mcpServers` named `prefix-0`, `prefix-1` and so on. */
function makeEntries(
  prefix: string,
  count: number,
  entry: () => StdioEntry,
): Record<string, StdioEntry> {
  const names = Array.from({ length: count }, (_, number) => `${prefix}-${number}`);
  return Object.fromEntries(names.map((name) => [name, entry()]));
}

/** Latencies that a client sees. */
interface Latencies {
  /** From the start of the gateway to its answer to `initialize`. */
  readonly handshakeMs: number;
  /** From the handshake until every good server has answered once. */
  readonly firstAnswersMs: number;
  /** Median of the later calls, which are made one at a time. */
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** Measures how fast the good servers answer while the gateway also calls the failing ones. */
async function measureLatencies(servers: Record<string, StdioEntry>): Promise<Latencies> {
  const gatewayStartedMs = performance.now();
  await using gateway = await startGateway({ servers });
  const initializedMs = performance.now();
  const failingNames = Object.keys(servers).filter((name) => !name.startsWith("good"));
  const failingCalls = failingNames.map((name) => {
    return gateway.client.request("tools/call", executeToolParams(name, "wait")).catch(() => {});
  });
  const goodNames = Object.keys(servers).filter((name) => name.startsWith("good"));
  await Promise.all(goodNames.map((name) => callEcho(gateway, name, "first")));
  const firstAnswersMs = performance.now() - initializedMs;
  const latenciesMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of goodNames) {
      const startedMs = performance.now();
      await callEcho(gateway, name, `${name} ${round}`);
      latenciesMs.push(performance.now() - startedMs);
    }
  }
  latenciesMs.sort((a, b) => a - b);
  const [median = NaN, p99 = NaN] = [0.5, 0.99].map((quantile) =>
    latenciesMs[Math.floor(latenciesMs.length * quantile)]
  );
  await gateway.end();
  await Promise.all(failingCalls);
  return {
    handshakeMs: initializedMs - gatewayStartedMs,
    firstAnswersMs,
    medianMs: median,
    p99Ms: p99,
  };
}

async function callEcho(gateway: RunningGateway, server: string, token: string): Promise<void> {
  assert.equal(await gateway.callServerToolForText(server, "echo", { token }), token);
}

Deno.test({
  name: "[faults.crowd] 25 failing servers slow down neither the handshake nor 25 good servers",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    const mark = newMark();
    const makeGoodEntries = () => makeEntries("good", GOOD_COUNT, () => faultServer(mark));
    const alone = await measureLatencies(makeGoodEntries());
    const besideFailing = await measureLatencies({
      ...makeEntries("mute", 10, () => faultServer(mark, "mute")),
      ...makeEntries("dying", 10, () => faultServer(mark, "dying")),
      ...makeEntries("shouting", 5, () => faultServer(mark, "shouting")),
      ...makeGoodEntries(),
    });
    const figures = JSON.stringify({ alone, besideFailing });
    assert.ok(besideFailing.medianMs < 5 * alone.medianMs + 20, figures);
    // Waiting for a failing server would take seconds; the allowed second is for other load on the machine.
    assert.ok(besideFailing.p99Ms < 5 * alone.p99Ms + 1000, figures);
    assert.ok(besideFailing.handshakeMs < 2 * alone.handshakeMs + 200, figures);
    assert.ok(besideFailing.firstAnswersMs < 5 * alone.firstAnswersMs + 1000, figures);
    await waitUntilGone([], mark, 1000);
  },
});
