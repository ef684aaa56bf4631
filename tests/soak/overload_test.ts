import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type RunningGateway, startGateway } from "../e2e/gateway.ts";
import { environmentWithoutDeno, GATEWAY_COMMAND } from "../e2e/gateway_command.ts";
import { INFO_LOG_ENV } from "../e2e/setup.ts";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { ATTACKS } from "./overload/attacks.ts";
import { hostileServer, type Spawned, spawnFixture } from "./overload/fixture_process.ts";
import { startPausedClient } from "./overload/paused_client.ts";
import { QuietAgent } from "./overload/quiet_agent.ts";

/** Duration of the attacks, in seconds. */
const SECONDS = Number(Deno.env.get("OVERLOAD_SECONDS") || 300);

/** The attack of a client over stdio that does not read; it needs a gateway of its own. */
const STDIO_ATTACK = "stdio";

/** Names of the attacks to make at the same time; all by default. */
const ATTACK_NAMES = Deno.env.get("OVERLOAD_ATTACKS")?.split(",") ??
  [...Object.keys(ATTACKS), STDIO_ATTACK];

/** Maximum latency of the quiet agent's calls at p99, in milliseconds. */
const MAX_P99_MS = 100;

/** Maximum resident memory of a gateway, in MB. */
const MAX_RESIDENT_MB = 900;

/** Interval of the figures that are printed, in seconds. */
const PRINT_S = 10;

const GATEWAY_ENV = {
  ...environmentWithoutDeno(GATEWAY_COMMAND),
  ...INFO_LOG_ENV,
  // As the npm package and the image set it.
  DENO_TOKIO_EVENT_INTERVAL: "1",
  DENO_V8_FLAGS: "--heap-growing-percent=100",
  // Few, so that idle sessions reach the limit.
  GATEWAY_MAX_PROCESSES: "40",
};

/** An entry of `mcpServers` for a server that starts in a millisecond. */
const SHELL_SERVER = {
  command: "sh",
  args: [
    fileURLToPath(new URL("../fixtures/servers/fault_server.sh", import.meta.url)),
    "overload",
  ],
};

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Starts a gateway over HTTP with the quiet agent, an agent for each attack, and servers. */
async function startHttpGateway(servers: Record<string, unknown> = {}): Promise<RunningGateway> {
  const hostileAgents = Object.keys(ATTACKS).map((name) => [name, {
    allow: { servers: ["*"] },
    deny: { servers: ["quiet", "denied"] },
    limits: { concurrent: 64, ...(name === "refused_calls" ? { per_minute: 600 } : {}) },
    token_sha256: [sha256(`amg_${name}`)],
  }]);
  const quiet = { allow: { servers: ["quiet"] }, token_sha256: [sha256("amg_quiet")] };
  return await startGateway({
    servers: { quiet: SHELL_SERVER, ...servers },
    rules: { agents: { ...Object.fromEntries(hostileAgents), quiet } },
    env: GATEWAY_ENV,
    transport: "http",
    initialize: false,
  });
}

async function runCommand(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args }).output();
  return new TextDecoder().decode(stdout).trim();
}

/** Returns the highest and the current resident memory of a process, in MB; 0 if it has ended. */
async function readMemory(pid: number): Promise<{ peak: number; now: number }> {
  const text = await runCommand("grep", "-sE", "VmHWM|VmRSS", `/proc/${pid}/status`);
  const [peak = 0, now = 0] = [...text.matchAll(/(\d+) kB/g)]
    .map(([, kib]) => Math.round(Number(kib) * 1024 / 1e6));
  return { peak, now };
}

/** Returns the average number of processes that ran or waited for a core in the last minute. */
async function readLoad(): Promise<number> {
  return Number(await runCommand("cut", "-d ", "-f1", "/proc/loadavg"));
}

/** The parts of an overload. */
interface Overload {
  readonly gateway: RunningGateway;
  readonly quiet: QuietAgent;
  readonly attackers: Spawned;
  readonly pausedClient: { readonly pid: number } | undefined;
}

/** Prints figures until the attackers or the gateway have ended, and returns the highest memory of both gateways. */
async function watch(
  { gateway, quiet, attackers, pausedClient }: Overload,
): Promise<{ peak: number; stdioPeak: number }> {
  let [peak, stdioPeak, printedCalls] = [0, 0, 0];
  for (let second = 1; !attackers.hasEnded && !gateway.program.hasEnded; second++) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const memory = await readMemory(gateway.program.pid);
    peak = Math.max(peak, memory.peak);
    if (pausedClient !== undefined) {
      stdioPeak = Math.max(stdioPeak, (await readMemory(pausedClient.pid)).peak);
    }
    if (second % PRINT_S !== 0) continue;
    const latencies = quiet.latencies(printedCalls);
    printedCalls += latencies.calls;
    const figures = { ...latencies, resident: memory.now, peak, stdioPeak, load: await readLoad() };
    print(`${second} s: ${JSON.stringify(figures)}`);
  }
  return { peak, stdioPeak };
}

Deno.test({
  name:
    "[security.overload] while hostile agents and servers are at their limits, another agent's calls take less than 100 ms at p99, and the gateway less than 900 MB",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using remote = spawnFixture("hostile_remote.ts");
    const remoteUrl = await remote.readFirstOutput();
    await using gateway = await startHttpGateway({
      denied: SHELL_SERVER,
      process: SHELL_SERVER,
      hostile: hostileServer(),
      unread: hostileServer("--unread"),
      names: hostileServer("--names"),
      remote: { url: `${remoteUrl}/mcp`, type: "http" },
      remote_start: { url: `${remoteUrl}/start`, type: "http" },
    });
    print(`Process ${gateway.program.pid} listens on ${gateway.url}`);
    // The calls of a second gateway that has nothing else to do show what the machine adds to a call.
    await using idleGateway = await startHttpGateway();
    const quiet = new QuietAgent(gateway, "amg_quiet");
    const idle = new QuietAgent(idleGateway, "amg_quiet");
    await Promise.all([quiet.start(), idle.start()]);
    await using pausedClient = ATTACK_NAMES.includes(STDIO_ATTACK)
      ? await startPausedClient(GATEWAY_ENV)
      : undefined;
    const names = ATTACK_NAMES.filter((name) => name !== STDIO_ATTACK);
    await using attackers = spawnFixture(
      "hostile_agents.ts",
      gateway.url,
      String(SECONDS),
      ...names,
    );
    const peaks = await watch({ gateway, quiet, attackers, pausedClient });
    const hasCrashed = gateway.program.hasEnded;
    await Promise.all([quiet.stop(), idle.stop()]);
    const latencies = quiet.latencies();
    const wrongAnswers = quiet.wrongAnswers.map((text) => text.slice(0, 300));
    const figures = JSON.stringify({
      attacks: ATTACK_NAMES.join(),
      quiet: latencies,
      idle: idle.latencies(),
      wrongAnswers: wrongAnswers.length,
      ...peaks,
      hasCrashed,
      load: await readLoad(),
    });
    print(figures);
    if (!hasCrashed) print(await attackers.readFirstOutput());
    await gateway.kill();
    assert.ok(!hasCrashed, gateway.program.stderr.slice(-2000));
    assert.deepEqual(wrongAnswers.slice(0, 3), [], figures);
    assert.ok(latencies.calls >= SECONDS * 15, figures);
    assert.ok(peaks.peak < MAX_RESIDENT_MB && peaks.stdioPeak < MAX_RESIDENT_MB, figures);
    assert.ok(latencies.p99 < MAX_P99_MS, figures);
  },
});
