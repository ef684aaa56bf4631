import assert from "node:assert/strict";
import { listBuilds, type MeasuredProgram } from "../../scripts/bench/measured_programs.ts";
import { timeStart } from "../../scripts/bench/gateway_figures.ts";
import { LoadClient } from "../../scripts/bench/load_client.ts";
import { Workspace } from "../../scripts/bench/workspace.ts";

/** The gateway from source, because the bundle may be outdated. */
const [GATEWAY] = listBuilds() as [MeasuredProgram];

/** Maximum number of rounds. Their best times are compared, because other work only adds time. */
const MAX_ROUNDS = 20;

/** Asserts that the best time of the large case is below `maxRatio` times that of the small case. */
async function assertTimeRatio(
  measure: (isLarge: boolean) => Promise<number>,
  { maxRatio }: { readonly maxRatio: number },
): Promise<void> {
  let [small, large] = [Infinity, Infinity];
  for (let round = 0; round < MAX_ROUNDS; round++) {
    small = Math.min(small, await measure(false));
    large = Math.min(large, await measure(true));
    if (round > 0 && large < maxRatio * small) return;
  }
  assert.fail(`The large case takes ${large} ms, the small one ${small} ms`);
}

Deno.test("bench: a result of 32 MB takes less than three times as long per byte as one of 4 MB", async () => {
  using workspace = new Workspace();
  await using client = await LoadClient.open(GATEWAY.command(workspace), GATEWAY.env(workspace));
  await assertTimeRatio(async (isLarge) => {
    const size = isLarge ? 32_000_000 : 4_000_000;
    const call = GATEWAY.formatCall("echo", { n: size });
    return (await client.load({ call, count: 1, inFlight: 1, minBytes: size })).p50;
  }, { maxRatio: 3 * 8 });
});

Deno.test("bench: initialize with 10 servers takes less than twice as long as with none", async () => {
  using none = new Workspace({ servers: [] });
  using many = new Workspace({ servers: Array.from({ length: 10 }, () => ["--hang"]) });
  await assertTimeRatio((isLarge) => {
    const workspace = isLarge ? many : none;
    return timeStart(GATEWAY.command(workspace), GATEWAY.env(workspace));
  }, { maxRatio: 2 });
});

Deno.test("bench: a load fails if a call is refused", async () => {
  using workspace = new Workspace({ rules: { agents: {} } });
  await using client = await LoadClient.open(GATEWAY.command(workspace), GATEWAY.env(workspace));
  const call = GATEWAY.formatCall("echo", { n: 1000 });
  await assert.rejects(
    client.load({ call, count: 10, inFlight: 2, minBytes: 1000 }),
    /Unexpected answer: .*INVALID_AGENT_ID/,
  );
});
