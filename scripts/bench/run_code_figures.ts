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
