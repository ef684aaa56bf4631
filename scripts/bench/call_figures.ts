import { type Contestant, DIRECT } from "./contestants.ts";
import type { LoadOptions } from "./load.ts";
import { LoadClient } from "./load_client.ts";
import { PeerCaller, type PeerLoad } from "./peer_calls.ts";
import { processorSeconds } from "./process_figures.ts";
import { Scene } from "./scene.ts";
import type { Figures } from "./summary.ts";

/** Sizes of results in bytes, and the number of calls per round for each number of calls in flight. */
const LOADS = [
  { size: 100, name: "100 B", counts: { 1: 2000, 8: 4000, 64: 12_000 } },
  { size: 10_000, name: "10 kB", counts: { 1: 300, 8: 1500, 64: 3000 } },
  { size: 1_000_000, name: "1 MB", counts: { 1: 15, 8: 24, 64: 64 } },
] as const;

const IN_FLIGHT = [1, 8, 64] as const;

/** Options of a measurement of calls. */
export interface CallOptions {
  readonly rounds: number;
  /** Share of the calls to make, from 0 to 1. Default: all. */
  readonly share?: number;
}

/** Calls a contestant; returns undefined if there is nothing to report. */
type Call = (size: number, options: Omit<LoadOptions, "leastBytes">) => Promise<
  PeerLoad | undefined
>;

/**
 * Times calls of all contestants, one after the other in each round, on the same kind of server. A
 * peer that cannot be measured becomes a failure in the figures and does not affect the others.
 */
export async function measureCalls(
  contestants: readonly Contestant[],
  { rounds, share = 1 }: CallOptions,
  figures: Figures,
): Promise<void> {
  using scene = new Scene();
  await using opened = new AsyncDisposableStack();
  const callers: { readonly contestant: Contestant; readonly pid: number; readonly call: Call }[] =
    [];
  const warmUp = Math.max(1, Math.round(4000 * share));
  for (const contestant of contestants) {
    if (contestant.kind === "peer") {
      try {
        const fail = (message: string): void => figures.fail(message);
        const peer = opened.use(await PeerCaller.open(contestant, scene, { warmUp, rounds, fail }));
        callers.push({ contestant, pid: 0, call: (...what) => peer.load(...what) });
      } catch (error) {
        figures.fail(error instanceof Error ? error.message : String(error));
      }
      continue;
    }
    const client = await LoadClient.open(contestant.command(scene), contestant.env(scene));
    opened.use(client);
    // The first calls are slower, so they are not counted for any contestant.
    const call = contestant.call("echo", { n: 100 });
    await client.load({ count: warmUp, inFlight: 64, call, leastBytes: 100 });
    const load: Call = (size, options) => client.load({ ...options, leastBytes: size });
    callers.push({ contestant, pid: client.pid, call: load });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { size, name, counts } of LOADS) {
      for (const inFlight of IN_FLIGHT) {
        const count = Math.max(inFlight, Math.round(counts[inFlight] * share));
        const what = `${name}, ${inFlight} in flight`;
        let direct = { p50: NaN, p99: NaN };
        for (const { contestant, pid, call } of callers) {
          const { kind, name: who } = contestant;
          const isCounted = kind === "own" && size === 100 && inFlight === 64;
          const cpu = isCounted ? processorSeconds(pid) : NaN;
          const text = contestant.call("echo", { n: size });
          const load = await call(size, { count, inFlight, call: text });
          if (load === undefined) continue;
          const note = (figure: string, unit: string, value: number): void => {
            figures.note(`${what}: ${figure}`, who, unit, value);
            if (load.remark === undefined) return;
            figures.remark(`${what}: ${figure}`, who, unit, load.remark);
          };
          note("p50", "ms", load.p50);
          note("p99", "ms", load.p99);
          if (size === 100) note("calls per second", "/s", load.perSecond);
          if (contestant === DIRECT) direct = load;
          else {
            note("added p50", "ms", load.p50 - direct.p50);
            note("added p99", "ms", load.p99 - direct.p99);
          }
          if (!isCounted) continue;
          note("processor time per call", "µs", (processorSeconds(pid) - cpu) / count * 1e6);
        }
      }
    }
  }
}

/** Times results of 8 and of 64 MB; the time per byte should be the same. */
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
