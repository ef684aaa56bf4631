import assert from "node:assert/strict";
import {
  type Contestant,
  DIRECT,
  emptyCommand,
  ourselves,
} from "../../scripts/bench/contestants.ts";
import { timeStart } from "../../scripts/bench/gateway_figures.ts";
import { LoadClient } from "../../scripts/bench/load_client.ts";
import { Scene } from "../../scripts/bench/scene.ts";

/** From source, because the bundle may be outdated. */
const [GATEWAY] = ourselves() as [Contestant];

/** Number of rounds; the best one counts, because other work only makes a figure worse. */
const ROUNDS = 4;

/** Maximum number of rounds while other work keeps a figure above its bound. */
const MAX_ROUNDS = 20;

/** Asserts that the gateway's best round is within a bound, which the best direct one gives. */
async function compare(
  measure: (one: Contestant) => Promise<number>,
  boundOf: (direct: number) => number,
): Promise<void> {
  let [direct, gateway] = [Infinity, Infinity];
  for (let round = 0; round < MAX_ROUNDS; round++) {
    direct = Math.min(direct, await measure(DIRECT));
    gateway = Math.min(gateway, await measure(GATEWAY));
    if (round + 1 >= ROUNDS && gateway < boundOf(direct)) return;
  }
  assert.fail(`${gateway} ms beside ${direct} ms`);
}

Deno.test("bench: a call through the gateway is of the same order as a direct one", async (t) => {
  using scene = new Scene();
  await using opened = new AsyncDisposableStack();
  const clients = new Map<Contestant, LoadClient>();
  for (const one of [DIRECT, GATEWAY]) {
    const client = opened.use(await LoadClient.open(one.command(scene), one.env(scene)));
    clients.set(one, client);
    const call = one.call("echo", { n: 100 });
    await client.load({ call, count: 2000, inFlight: 64, leastBytes: 100 });
  }
  const load = async (one: Contestant, size: number, count: number, inFlight: number) => {
    const client = clients.get(one);
    assert.ok(client);
    const call = one.call("echo", { n: size });
    return await client.load({ call, count, inFlight, leastBytes: size });
  };

  await t.step("one at a time", async () => {
    await compare(async (one) => (await load(one, 100, 100, 1)).p50, (direct) => direct + 2);
  });

  await t.step("64 at a time", async () => {
    await compare(
      async (one) => 1000 / (await load(one, 100, 2000, 64)).perSecond,
      (direct) => 30 * direct,
    );
  });

  await t.step("1 MB", async () => {
    const size = 1_000_000;
    await compare(
      async (one) => (await load(one, size, 4, 1)).p50,
      (direct) => 20 * direct + 50,
    );
  });

  await t.step("32 MB take no more than three times as long per byte as 4 MB", async () => {
    const time = async (size: number): Promise<number> => {
      let best = Infinity;
      for (let round = 0; round < 2; round++) {
        best = Math.min(best, (await load(GATEWAY, size, 1, 1)).p50);
      }
      return best;
    };
    const small = await time(4_000_000);
    const large = await time(32_000_000);
    assert.ok(large < 3 * 8 * small, `${large} ms beside ${small} ms`);
  });
});

Deno.test("bench: initialize is answered as fast with 10 servers as with none", async () => {
  const timed = async (count: number): Promise<number> => {
    const servers = Array.from({ length: count }, () => ["--hang"]);
    using scene = new Scene({ servers });
    let best = Infinity;
    for (let round = 0; round < ROUNDS; round++) {
      best = Math.min(best, await timeStart(GATEWAY.command(scene), GATEWAY.env(scene)));
    }
    return best;
  };
  const none = await timed(0);
  const many = await timed(10);
  assert.ok(many < 2 * none, `${many} ms beside ${none} ms`);
  const empty = await timeStart(emptyCommand(), {});
  assert.ok(empty > 0 && none < 1000 + 20 * empty, `${none} ms beside ${empty} ms`);
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
