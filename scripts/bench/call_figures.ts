import { type Contestant, DIRECT } from "./contestants.ts";
import { LoadClient } from "./load_client.ts";
import { processorSeconds } from "./process_figures.ts";
import { Scene } from "./scene.ts";
import type { Figures } from "./summary.ts";

/** Sizes of results in bytes, calls in flight, and how many calls are made in a round. */
const LOADS = [
  { size: 100, name: "100 B", counts: { 1: 600, 8: 4000, 64: 12_000 } },
  { size: 10_000, name: "10 kB", counts: { 1: 300, 8: 1500, 64: 3000 } },
  { size: 1_000_000, name: "1 MB", counts: { 1: 15, 8: 24, 64: 64 } },
] as const;

const IN_FLIGHT = [1, 8, 64] as const;

/** Times calls of all contestants, one after the other in each round, on the same kind of server. */
export async function measureCalls(
  contestants: readonly Contestant[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  using scene = new Scene();
  await using opened = new AsyncDisposableStack();
  const clients = new Map<Contestant, LoadClient>();
  for (const contestant of contestants) {
    const client = await LoadClient.open(contestant.command(scene), contestant.env(scene));
    clients.set(contestant, opened.use(client));
    // What runs for the first time is slower; nobody's first calls count.
    const call = contestant.call("echo", { n: 100 });
    await client.load({ count: 4000, inFlight: 64, call, leastBytes: 100 });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { size, name, counts } of LOADS) {
      for (const inFlight of IN_FLIGHT) {
        let direct = { p50: NaN, p99: NaN };
        for (const [contestant, client] of clients) {
          const call = contestant.call("echo", { n: size });
          const count = counts[inFlight];
          const cpu = processorSeconds(client.pid);
          const load = await client.load({ count, inFlight, call, leastBytes: size });
          const what = `${name}, ${inFlight} in flight`;
          const who = contestant.name;
          figures.note(`${what}: p50`, who, "ms", load.p50);
          figures.note(`${what}: p99`, who, "ms", load.p99);
          if (size === 100) figures.note(`${what}: calls per second`, who, "/s", load.perSecond);
          if (contestant === DIRECT) direct = load;
          else {
            figures.note(`${what}: added p50`, who, "ms", load.p50 - direct.p50);
            figures.note(`${what}: added p99`, who, "ms", load.p99 - direct.p99);
          }
          if (contestant.isGateway && size === 100 && inFlight === 64) {
            const spent = (processorSeconds(client.pid) - cpu) / count * 1e6;
            figures.note(`${what}: processor time per call`, who, "µs", spent);
          }
        }
      }
    }
  }
}

/** How long results of 8 and of 64 MB take; ten times the size may take ten times as long. */
export async function measureLargeResults(
  contestants: readonly Contestant[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  using scene = new Scene();
  for (const contestant of contestants) {
    await using client = await LoadClient.open(contestant.command(scene), contestant.env(scene));
    const time = async (size: number): Promise<number> => {
      const call = contestant.call("echo", { n: size });
      return (await client.load({ count: 1, inFlight: 1, call, leastBytes: size })).p50;
    };
    await time(8_000_000);
    for (let round = 0; round < rounds; round++) {
      const eight = await time(8_000_000);
      const sixtyFour = await time(64_000_000);
      figures.note("8 MB result", contestant.name, "ms", eight);
      figures.note("64 MB result", contestant.name, "ms", sixtyFour);
      figures.note("64 MB, time per byte beside 8 MB", contestant.name, "×", sixtyFour / eight / 8);
    }
  }
}
