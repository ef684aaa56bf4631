import { AGENT, formatToolCall, type MeasuredProgram } from "./measured_programs.ts";
import { summarizeTimes } from "./load.ts";
import { LoadClient } from "./load_client.ts";
import { Workspace } from "./workspace.ts";
import type { Figures } from "./summary.ts";

/** Number of warm answers in each round. */
const WARM_ANSWERS = 10;

/** Time in which the process for the next code gets ready, in milliseconds. */
const SPARE_MS = 500;

/** Times the first `run_code` of a gateway, and those for which a process is ready. */
export async function measureRunCode(
  programs: readonly MeasuredProgram[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  const rules = { agents: { [AGENT]: { allow: { servers: ["gateway"] } } } };
  using workspace = new Workspace({ servers: [], rules });
  for (let round = 0; round < rounds; round++) {
    for (const { name, command, env } of programs) {
      await using client = await LoadClient.open(command(workspace), env(workspace));
      figures.addValue("run_code, cold", name, "ms", await timeAnswer(client));
      const times = new Float64Array(WARM_ANSWERS);
      for (let index = 0; index < WARM_ANSWERS; index++) {
        await new Promise((resolve) => setTimeout(resolve, SPARE_MS));
        times[index] = await timeAnswer(client);
      }
      figures.addValue("run_code, warm, p50", name, "ms", summarizeTimes(times, 1).p50);
    }
  }
}

/** Number of calls that are timed beside endless loops. */
const TIMED_CALLS = 400;

/** Number of loops, the default of `GATEWAY_MAX_SANDBOXES`. */
const LOOPS = 4;

/** Time until all loops run, in milliseconds. */
const LOOPS_START_MS = 2000;

const LOOP_CALL = formatToolCall({
  name: "execute_tool",
  arguments: {
    agent_id: AGENT,
    server: "gateway",
    tool: "run_code",
    args: { code: "for (;;);", timeout_ms: 8000 },
  },
});

/** Times calls of a server while no code runs, and while as many endless loops run as the gateway allows. */
export async function measureBesideLoops(
  programs: readonly MeasuredProgram[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  const rules = { agents: { [AGENT]: { allow: { servers: ["*", "gateway"] } } } };
  using workspace = new Workspace({ rules });
  for (let round = 0; round < rounds; round++) {
    for (const { name, command, env, formatCall } of programs) {
      await using client = await LoadClient.open(command(workspace), env(workspace));
      const load = { call: formatCall("echo", { n: 1 }), inFlight: 1, minBytes: 50 };
      await client.load({ ...load, count: TIMED_CALLS });
      const addTimes = async (suffix: string): Promise<void> => {
        const { p50, p99 } = await client.load({ ...load, count: TIMED_CALLS });
        figures.addValue(`a call ${suffix}, p50`, name, "ms", p50);
        figures.addValue(`a call ${suffix}, p99`, name, "ms", p99);
      };
      await addTimes("while no code runs");
      const loops = Array.from({ length: LOOPS }, () => client.request(LOOP_CALL));
      await new Promise((resolve) => setTimeout(resolve, LOOPS_START_MS));
      await addTimes(`beside ${LOOPS} endless loops of code`);
      for (const answer of await Promise.all(loops)) {
        if (!answer.includes("TIMEOUT")) throw new Error(`Not a loop: ${answer}`);
      }
    }
  }
}

async function timeAnswer(client: LoadClient): Promise<number> {
  const args = { server: "gateway", tool: "run_code", args: { code: "return 1" } };
  const call = formatToolCall({ name: "execute_tool", arguments: { agent_id: AGENT, ...args } });
  const startedAt = performance.now();
  const answer = await client.request(call);
  const timeMs = performance.now() - startedAt;
  const { text } = JSON.parse(answer).result.content[0];
  if (text !== '{"result":1,"logs":""}') throw new Error(`Unexpected answer: ${text}`);
  return timeMs;
}
