import { Budget } from "../../src/budget.ts";
import { measureParseCost } from "../../src/jsonrpc/mod.ts";
import type { Figures } from "./summary.ts";

/** Number of calls that are timed together, by the size of their arguments in bytes. */
const CALL_COUNTS: readonly (readonly [bytes: number, title: string, count: number])[] = [
  [100, "100 B", 100_000],
  [10_000, "10 kB", 20_000],
  [1_000_000, "1 MB", 100],
];

/** The share of the memory budget that one of many agents uses. */
const SHARE = "agent 500";

/** Measures the counting of the memory that calls hold, in the process of the benchmark. */
export function measureMemoryCount(rounds: number, figures: Figures): void {
  const budget = new Budget(512 * 1024 * 1024);
  for (let agent = 0; agent < 1000; agent++) budget.share(`agent ${agent}`);
  for (const [bytes, title, count] of CALL_COUNTS) {
    const text = createArguments(bytes);
    for (let round = -1; round < rounds; round++) {
      const startMs = performance.now();
      for (let call = 0; call < count; call++) countCall(budget, text);
      const callUs = (performance.now() - startMs) * 1000 / count;
      // The first round warms up.
      if (round < 0) continue;
      figures.addValue(`counting the memory of a call, ${title}`, "source", "µs", callUs);
    }
  }
}

/** Does what the gateway does for each call: estimates its memory, adds it to the agent's share, and removes it. */
function countCall(budget: Budget, text: string): void {
  const { memory } = measureParseCost(text, true);
  const share = budget.share(SHARE);
  if (!share.hasRoom(memory)) throw new Error(`There is no room for ${memory} bytes`);
  share.add(memory);
  share.add(-memory);
}

/** Returns arguments of about `bytes` bytes: short texts and numbers, as tools get them. */
function createArguments(bytes: number): string {
  const members: string[] = [];
  for (let length = 0; length < bytes; length += members.at(-1)?.length ?? 0) {
    const index = members.length;
    members.push(`"key${index % 50}":"a value of usual length","n${index % 50}":${index}`);
  }
  return `{${members.join(",")}}`;
}
