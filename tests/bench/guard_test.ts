import assert from "node:assert/strict";
import { type Contestant, ourselves } from "../../scripts/bench/contestants.ts";
import { timeStart } from "../../scripts/bench/gateway_figures.ts";
import { LoadClient } from "../../scripts/bench/load_client.ts";
import { Scene } from "../../scripts/bench/scene.ts";

/** From source, because the bundle may be outdated. */
const [GATEWAY] = ourselves() as [Contestant];

/** Maximum number of rounds. The best ones count, because other work only makes a figure worse. */
const MAX_ROUNDS = 20;

/** Asserts that the best time of a large case is below a multiple of the best time of a small one. */
async function compare(
  measure: (isLarge: boolean) => Promise<number>,
  { factor }: { readonly factor: number },
): Promise<void> {
  let [small, large] = [Infinity, Infinity];
  for (let round = 0; round < MAX_ROUNDS; round++) {
    small = Math.min(small, await measure(false));
    large = Math.min(large, await measure(true));
    if (round > 0 && large < factor * small) return;
  }
  assert.fail(`${large} ms beside ${small} ms`);
}

Deno.test("bench: 32 MB take no more than three times as long per byte as 4 MB", async () => {
  using scene = new Scene();
  await using client = await LoadClient.open(GATEWAY.command(scene), GATEWAY.env(scene));
  await compare(async (isLarge) => {
    const size = isLarge ? 32_000_000 : 4_000_000;
    const call = GATEWAY.call("echo", { n: size });
    return (await client.load({ call, count: 1, inFlight: 1, leastBytes: size })).p50;
  }, { factor: 3 * 8 });
});

Deno.test("bench: initialize is answered as fast with 10 servers as with none", async () => {
  using none = new Scene({ servers: [] });
  using many = new Scene({ servers: Array.from({ length: 10 }, () => ["--hang"]) });
  await compare((isLarge) => {
    const scene = isLarge ? many : none;
    return timeStart(GATEWAY.command(scene), GATEWAY.env(scene));
  }, { factor: 2 });
});

Deno.test("bench: a call that is refused is not counted", async () => {
  using scene = new Scene({ rules: { agents: {} } });
  await using client = await LoadClient.open(GATEWAY.command(scene), GATEWAY.env(scene));
  const call = GATEWAY.call("echo", { n: 1000 });
  await assert.rejects(
    client.load({ call, count: 10, inFlight: 2, leastBytes: 1000 }),
    /Unexpected answer: .*INVALID_AGENT_ID/,
  );
});
