import { DIRECT, type MeasuredProgram } from "./measured_programs.ts";
import type { LoadOptions } from "./load.ts";
import { LoadClient } from "./load_client.ts";
import { OtherGatewayCaller, type OtherGatewayLoadResult } from "./other_gateway_calls.ts";
import { processorSeconds } from "./process_figures.ts";
import { Workspace } from "./workspace.ts";
import type { Figures } from "./summary.ts";

/** Result sizes in bytes. `counts` has the number of calls per round, by the number in flight. */
const LOADS = [
  { size: 100, label: "100 B", counts: { 1: 2000, 8: 4000, 64: 12_000 } },
  { size: 10_000, label: "10 kB", counts: { 1: 300, 8: 1500, 64: 3000 } },
  { size: 1_000_000, label: "1 MB", counts: { 1: 15, 8: 24, 64: 64 } },
] as const;

const IN_FLIGHT = [1, 8, 64] as const;

/** Options of a measurement of calls. */
export interface CallOptions {
  readonly rounds: number;
  /** Share of the calls to make, from 0 to 1. Default: all. */
  readonly share?: number;
}

/** Makes calls through a program and times them; returns undefined if they were not timed. */
type LoadFunction = (size: number, options: Omit<LoadOptions, "minBytes">) => Promise<
  OtherGatewayLoadResult | undefined
>;

/**
 * Times calls through each program, in turns within each round, all to the same kind of server. Another
 * gateway that cannot be measured becomes a failure in the figures and does not affect the others.
 */
export async function measureCalls(
  programs: readonly MeasuredProgram[],
  { rounds, share = 1 }: CallOptions,
  figures: Figures,
): Promise<void> {
  using workspace = new Workspace();
  await using opened = new AsyncDisposableStack();
  const callers: {
    readonly program: MeasuredProgram;
    /** 0 for another gateway, whose processor time is not measured. */
    readonly pid: number;
    readonly load: LoadFunction;
  }[] = [];
  const warmUpCalls = Math.max(1, Math.round(4000 * share));
  for (const program of programs) {
    if (program.kind === "other") {
      try {
        const addFailure = (message: string): void => figures.addFailure(message);
        const caller = opened.use(
          await OtherGatewayCaller.open(program, workspace, { warmUpCalls, rounds, addFailure }),
        );
        callers.push({ program, pid: 0, load: (...args) => caller.load(...args) });
      } catch (error) {
        figures.addFailure(error instanceof Error ? error.message : String(error));
      }
      continue;
    }
    const client = await LoadClient.open(program.command(workspace), program.env(workspace));
    opened.use(client);
    // The first calls of each program are slower, so they are not counted.
    const call = program.formatCall("echo", { n: 100 });
    await client.load({ count: warmUpCalls, inFlight: 64, call, minBytes: 100 });
    const load: LoadFunction = (size, options) => client.load({ ...options, minBytes: size });
    callers.push({ program, pid: client.pid, load });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { size, label, counts } of LOADS) {
      for (const inFlight of IN_FLIGHT) {
        const count = Math.max(inFlight, Math.round(counts[inFlight] * share));
        const loadName = `${label}, ${inFlight} in flight`;
        let direct = { p50: NaN, p99: NaN };
        for (const { program, pid, load } of callers) {
          const { kind, name } = program;
          const measuresCpu = kind === "own" && size === 100 && inFlight === 64;
          const cpuBefore = measuresCpu ? processorSeconds(pid) : NaN;
          const call = program.formatCall("echo", { n: size });
          const result = await load(size, { count, inFlight, call });
          if (result === undefined) continue;
          const addValue = (figure: string, unit: string, value: number): void => {
            figures.addValue(`${loadName}: ${figure}`, name, unit, value);
            if (result.remark === undefined) return;
            figures.setRemark(`${loadName}: ${figure}`, name, unit, result.remark);
          };
          addValue("p50", "ms", result.p50);
          addValue("p99", "ms", result.p99);
          if (size === 100) addValue("calls per second", "/s", result.perSecond);
          if (program === DIRECT) direct = result;
          else {
            addValue("added p50", "ms", result.p50 - direct.p50);
            addValue("added p99", "ms", result.p99 - direct.p99);
          }
          if (!measuresCpu) continue;
          addValue(
            "processor time per call",
            "µs",
            (processorSeconds(pid) - cpuBefore) / count * 1e6,
          );
        }
      }
    }
  }
}

/** Times results of 8 and of 64 MB; the time per byte should be the same. */
export async function measureLargeResults(
  programs: readonly MeasuredProgram[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  using workspace = new Workspace();
  for (const program of programs) {
    await using client = await LoadClient.open(program.command(workspace), program.env(workspace));
    const time = async (size: number): Promise<number> => {
      const call = program.formatCall("echo", { n: size });
      return (await client.load({ count: 1, inFlight: 1, call, minBytes: size })).p50;
    };
    await time(8_000_000);
    for (let round = 0; round < rounds; round++) {
      const eight = await time(8_000_000);
      const sixtyFour = await time(64_000_000);
      figures.addValue("8 MB result", program.name, "ms", eight);
      figures.addValue("64 MB result", program.name, "ms", sixtyFour);
      figures.addValue(
        "64 MB, time per byte beside 8 MB",
        program.name,
        "×",
        sixtyFour / eight / 8,
      );
    }
  }
}
