import { AGENT, emptyCommand, formatToolCall, type MeasuredProgram } from "./measured_programs.ts";
import { INITIALIZE } from "./load.ts";
import { LoadClient } from "./load_client.ts";
import { ANSWER_MS, AnswerTimeout, timeOtherGatewayStart } from "./other_gateway_process.ts";
import { residentMb } from "./process_figures.ts";
import { Workspace } from "./workspace.ts";
import type { Figures } from "./summary.ts";

/** Number of denials that are timed, for each round: V8 compiles all that they need after some thousand. */
const TIMED_DENIALS = 4000;

/** Returns the milliseconds from the start of a program to its answer to `initialize`. */
export async function timeStart(
  command: readonly string[],
  env: Record<string, string>,
): Promise<number> {
  const started = performance.now();
  await using client = new LoadClient(command, env);
  await client.request(INITIALIZE);
  return performance.now() - started;
}

/** Maximum number of starts of another gateway, each of which may take a second. */
const OTHER_GATEWAY_STARTS = 3;

/**
 * Times the answer to `initialize` with 0, 10 and 30 servers. The second server never answers. The
 * reference is an empty program.
 */
export async function measureStarts(
  gateways: readonly MeasuredProgram[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  for (const count of [0, 10, 30]) {
    const servers = Array.from({ length: count }, (_, index) => index === 1 ? ["--hang"] : []);
    using workspace = new Workspace({ servers });
    const figure = `initialize after start, ${count} servers`;
    for (let round = 0; round < rounds; round++) {
      figures.addValue(figure, "empty program", "ms", await timeStart(emptyCommand(), {}));
      for (const gateway of gateways) {
        const { name, kind, command, env } = gateway;
        if (kind === "other") continue;
        figures.addValue(figure, name, "ms", await timeStart(command(workspace), env(workspace)));
      }
    }
    for (const otherGateway of gateways.filter(({ kind }) => kind === "other")) {
      await measureOtherGatewayStarts(
        otherGateway,
        { workspace, figure, rounds: Math.min(rounds, OTHER_GATEWAY_STARTS) },
        figures,
      );
    }
  }
}

/** Times another gateway's answer to `initialize`; stops at the first start that is too slow or fails. */
async function measureOtherGatewayStarts(
  otherGateway: MeasuredProgram,
  { workspace, figure, rounds }: { workspace: Workspace; figure: string; rounds: number },
  figures: Figures,
): Promise<void> {
  try {
    for (let round = 0; round < rounds; round++) {
      figures.addValue(
        figure,
        otherGateway.name,
        "ms",
        await timeOtherGatewayStart(otherGateway, workspace),
      );
    }
  } catch (error) {
    const isTimeout = error instanceof AnswerTimeout;
    const remark = isTimeout ? `not answered within ${ANSWER_MS / 1000} s` : "failed";
    figures.setRemark(figure, otherGateway.name, "ms", remark);
    if (isTimeout) return;
    figures.addFailure(`${figure}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The rules of agents that may not call `echo`: by their last entry, or because no condition of theirs holds. */
const DENIALS = [
  {
    suffix: "",
    rules: {
      allow: { servers: ["*"] },
      deny: {
        tools: { "*": [...Array.from({ length: 98 }, (_, rule) => `no_${rule}_*`), "ech?"] },
      },
    },
  },
  { suffix: ", a third with conditions, three of them judged", rules: conditionalRules(9) },
  { suffix: ", a third with conditions, all of them judged", rules: conditionalRules(99) },
];

/** Returns rules of 99 entries, a third of them with conditions; those among the first `judgedCount` concern the called tool. */
function conditionalRules(judgedCount: number): unknown {
  const entries = Array.from({ length: 99 }, (_, rule) => {
    if (rule % 3 !== 0) return `only_${rule}_*`;
    const tool = rule < judgedCount ? "ech?" : `tool_${rule}_?`;
    return { tool, when: { path: { within: `/srv/notes/${rule}` } } };
  });
  return { allow: { servers: ["*"], tools: { "*": entries } } };
}

/** Returns rules with 1,000 agents of 100 entries each, a third of them with conditions, and those of `AGENT`. */
function createManyRules(agentRules: unknown): unknown {
  const agents: Record<string, unknown> = {};
  for (let agent = 0; agent < 1000; agent++) {
    const tools = Array.from({ length: 99 }, (_, rule) => {
      const tool = `forbidden_${agent}_${rule}_*`;
      return rule % 3 === 0 ? { tool, when: { path: { within: `/srv/${rule}` } } } : tool;
    });
    agents[`agent-${agent}`] = { allow: { servers: ["*"] }, deny: { tools: { "*": tools } } };
  }
  return { agents: { ...agents, [AGENT]: agentRules } };
}

/** Measures calls of tools that change nothing and of others, which are recorded before they leave, too. */
export async function measureRecords(
  gateways: readonly MeasuredProgram[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  for (const gateway of gateways) {
    using workspace = new Workspace();
    await using client = await LoadClient.open(gateway.command(workspace), gateway.env(workspace));
    for (let round = -1; round < rounds; round++) {
      for (
        const [tool, title] of [["echo_read", "one audit line"], [
          "echo",
          "two audit lines",
        ]] as const
      ) {
        const load = { call: gateway.formatCall(tool, { n: 100 }), minBytes: 100 };
        const { p50 } = await client.load({ ...load, count: 2000, inFlight: 1 });
        const { perSecond } = await client.load({ ...load, count: 12_000, inFlight: 64 });
        // The first round warms up.
        if (round < 0) continue;
        figures.addValue(`a call with ${title}, p50`, gateway.name, "ms", p50);
        figures.addValue(
          `calls with ${title} a second, 64 in flight`,
          gateway.name,
          "/s",
          perSecond,
        );
      }
    }
  }
}

/** Measures denials per second, and the time of a denial inside the gateway, as in its metrics. */
export async function measureDenials(
  gateways: readonly MeasuredProgram[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  for (const gateway of gateways) {
    for (const { rules, suffix } of DENIALS) {
      using workspace = new Workspace({ rules: createManyRules(rules) });
      await using client = await LoadClient.open(
        gateway.command(workspace),
        gateway.env(workspace),
      );
      const call = gateway.formatCall("echo", { n: 1, path: "/srv/other/a.txt" });
      const answer = await client.request(call);
      if (!answer.includes("DENIED_BY_POLICY")) throw new Error(`Not refused: ${answer}`);
      // Answers differ only in the length of their ids.
      const load = { call, minBytes: answer.length - 20 };
      await client.load({ ...load, count: 4000, inFlight: 64 });
      for (let round = 0; round < rounds; round++) {
        const { perSecond } = await client.load({ ...load, count: 6000, inFlight: 64 });
        figures.addValue(
          `denials per second, 1,000 agents of 100 rules${suffix}`,
          gateway.name,
          "/s",
          perSecond,
        );
      }
      // Another process, because its metrics are of all calls since its start.
      const env = { ...gateway.env(workspace), GATEWAY_DEBUG: "1" };
      await using timed = await LoadClient.open(gateway.command(workspace), env);
      await timed.load({ ...load, count: rounds * TIMED_DENIALS, inFlight: 1 });
      const status = formatToolCall({
        name: "get_gateway_status",
        arguments: { agent_id: AGENT },
      });
      const { result } = JSON.parse(await timed.request(status));
      const times = JSON.parse(result.content[0].text).metrics.operations.execute_tool;
      for (const percent of [50, 99]) {
        const time = times[`latency_p${percent}_ms`];
        figures.addValue(
          `a denial${suffix}, inside the gateway, p${percent}`,
          gateway.name,
          "ms",
          time,
        );
      }
    }
  }
}

/** Times `get_server_tools` for a server with 500 tools. */
export async function measureDiscovery(
  gateways: readonly MeasuredProgram[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  using workspace = new Workspace({ servers: [["--tools=498"]] });
  for (const gateway of gateways) {
    await using client = await LoadClient.open(gateway.command(workspace), gateway.env(workspace));
    for (const detail of ["full", "types", "signatures", "names"]) {
      const args = { agent_id: AGENT, server: "echo", detail };
      const call = formatToolCall({ name: "get_server_tools", arguments: args });
      const load = { call, inFlight: 1, minBytes: 5000 };
      await client.load({ ...load, count: 3 });
      for (let round = 0; round < rounds; round++) {
        const { p50 } = await client.load({ ...load, count: 10 });
        figures.addValue(`get_server_tools on 500 tools, ${detail}`, gateway.name, "ms", p50);
      }
    }
  }
}

/** Measures memory: idle, per connected server, after 50,000 calls, and after `furtherCalls` more. */
export async function measureMemory(
  gateways: readonly MeasuredProgram[],
  furtherCalls: number,
  figures: Figures,
): Promise<void> {
  for (const gateway of gateways) {
    const { name } = gateway;
    const idle = await measureIdleMb(gateway, 0);
    figures.addValue("memory, idle", name, "MB", idle);
    figures.addValue(
      "memory, each connected server",
      name,
      "MB",
      (await measureIdleMb(gateway, 10) - idle) / 10,
    );
    using workspace = new Workspace();
    await using client = await LoadClient.open(gateway.command(workspace), gateway.env(workspace));
    const call = gateway.formatCall("echo", { n: 100 });
    await client.load({ call, count: 50_000, inFlight: 64, minBytes: 100 });
    figures.addValue("memory, after 50,000 calls", name, "MB", residentMb(client.pid));
    if (furtherCalls === 0) continue;
    await client.load({ call, count: furtherCalls, inFlight: 64, minBytes: 100 });
    const figure = `memory, after ${furtherCalls.toLocaleString("en")} more calls`;
    figures.addValue(figure, name, "MB", residentMb(client.pid));
  }
}

/** Returns the memory of a gateway that has connected a number of servers and makes no calls. */
async function measureIdleMb(gateway: MeasuredProgram, serverCount: number): Promise<number> {
  using workspace = new Workspace({ servers: Array.from({ length: serverCount }, () => []) });
  await using client = await LoadClient.open(gateway.command(workspace), gateway.env(workspace));
  for (let server = 0; server < serverCount; server++) {
    const name = server === 0 ? "echo" : `echo_${server}`;
    const args = { agent_id: AGENT, server: name, detail: "names" };
    await client.request(formatToolCall({ name: "get_server_tools", arguments: args }));
  }
  return residentMb(client.pid);
}
