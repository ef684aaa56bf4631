import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { runStepsConcurrently } from "./fault_calls.ts";
import {
  faultServer,
  findProcessTree,
  HAS_NO_SHELL,
  markedProcesses,
  newMark,
  type Process,
  type StdioEntry,
  waitUntilGone,
} from "./fault_processes.ts";
import {
  cannotPreload,
  type CommandLineWrapper,
  EXCEPTION_MODULE,
  startWrapped,
  withPreload,
} from "./fault_preload.ts";
import { executeToolParams, type RunningGateway } from "./gateway.ts";
import { Setup } from "./setup.ts";
import { waitUntil } from "./wait.ts";

const SERVERS_FOLDER = fileURLToPath(new URL("../servers/", import.meta.url));

/** Time added to each limit for slow test machines, in milliseconds. */
const SLACK_MS = 2500;

/** Entries of servers, and the minimum number of processes that each has while it runs. */
type StubbornServers = Record<string, { entry: StdioEntry; minProcesses: number }>;

/** A server started with npx, as most users start servers: its processes are npm exec, often sh, and node. */
function npxServer(mark: string): StubbornServers {
  const entry = {
    command: "npx",
    args: ["--offline", "mcp-server-everything", "stdio", mark],
    cwd: SERVERS_FOLDER,
    env: { npm_config_update_notifier: "false" },
  };
  return { npx: { entry, minProcesses: 2 } };
}

/** Servers whose processes are hard to end. */
function stubbornServers(mark: string): StubbornServers {
  const everything = serverEntry("everything");
  return {
    chain: {
      entry: {
        command: "bash",
        args: ["-c", `sh -c 'node "$0" stdio "$1"; true' "$0" "$1"; true`, everything, mark],
      },
      minProcesses: 3,
    },
    // Both the server and its child ignore all signals that can be ignored.
    stubborn: { entry: faultServer(mark, "stubborn", "stubborn-child"), minProcesses: 2 },
    // These servers end with their input, but their children do not. The child of `holding` also holds the pipes.
    outlived: { entry: faultServer(mark, "stubborn-child"), minProcesses: 2 },
    holding: { entry: faultServer(mark, "holding-child"), minProcesses: 2 },
  };
}

/** An event that ends the gateway. */
interface Ending {
  readonly name: string;
  /** Maximum time until all processes have ended, in milliseconds. */
  readonly withinMs: number;
  readonly end: (gateway: RunningGateway, mark: string) => Promise<void> | void;
  readonly wrapCommandLine?: CommandLineWrapper;
  /** Whether a call is in progress at the end. */
  readonly hasCallInProgress?: boolean;
  /** Whether one more server is started with `npx`, which costs a second of processor time. Default: no. */
  readonly includesNpxServer?: boolean;
  readonly ignore?: boolean;
}

/**
 * Starts a gateway with all stubborn servers, ends it, and waits until the servers, their children
 * and the watchdog have ended.
 */
async function endGateway(
  {
    withinMs,
    end,
    wrapCommandLine,
    hasCallInProgress,
    includesNpxServer,
  }: Ending,
): Promise<void> {
  await ensureServers();
  const mark = newMark();
  const servers = {
    ...stubbornServers(mark),
    ...(includesNpxServer === true ? npxServer(mark) : {}),
  };
  const entries = Object.entries(servers).map(([name, { entry }]) => [name, entry]);
  const setup = new Setup({
    servers: Object.fromEntries(entries),
    env: { GATEWAY_AGENT: "tester", GATEWAY_LOG_LEVEL: "debug" },
  });
  const gateway = await startWrapped(setup, wrapCommandLine);
  try {
    if (wrapCommandLine === atTerminal) {
      // Before the gateway is ready, the terminal may echo its input, which would look like messages.
      await waitUntil(
        "the gateway is ready",
        () => gateway.program.lines.join().includes("is ready"),
      );
    }
    await gateway.client.initialize();
    for (const [name, { entry }] of Object.entries(servers)) {
      const isFaultServer = entry.command === "sh";
      const args = isFaultServer ? { token: name } : { message: name };
      assert.equal(
        await gateway.callServerToolForText(name, "echo", args),
        isFaultServer ? name : `Echo: ${name}`,
      );
    }
    if (hasCallInProgress === true) {
      gateway.client.request("tools/call", executeToolParams("stubborn", "wait")).catch(() => {});
    }
    const processes = await findProcessTree(gateway.program.pid, mark);
    checkProcessesExist(processes, servers);
    await end(gateway, mark);
    await waitUntilGone(processes, mark, withinMs + SLACK_MS);
  } finally {
    gateway.program.sendSignal("SIGKILL");
    await gateway.program.closeInput();
    await gateway.program.waitForEnd();
    await setup.close();
  }
}

/** Checks that all processes run: a server that has already ended would prove nothing. */
function checkProcessesExist(processes: readonly Process[], servers: StubbornServers): void {
  const processList = processes.map(({ pid, parent, args }) => `${pid} ${parent} ${args}`).join(
    "\n",
  );
  const minServerProcesses = Object.values(servers).reduce(
    (sum, { minProcesses }) => sum + minProcesses,
    0,
  );
  const gatewayPid = processes.find(({ args }) => args.includes("fault_server.sh"))?.parent;
  const children = processes.filter(({ parent }) => parent === gatewayPid);
  assert.equal(
    children.length,
    Object.keys(servers).length + 1,
    `with a watchdog:\n${processList}`,
  );
  assert.ok(
    processes.length >= minServerProcesses + 2,
    `at least ${minServerProcesses + 2} processes:\n${processList}`,
  );
}

/** Makes the gateway the leader of a new process group. */
const inOwnGroup: CommandLineWrapper = (
  commandLine,
) => ["perl", "-e", "setpgrp(0, 0); exec @ARGV", "--", ...commandLine];

/** Runs the gateway in the terminal of `script`, which closes when `script` is killed. */
const atTerminal: CommandLineWrapper = (commandLine) => {
  const withoutEcho = ["sh", "-c", 'stty -echo; exec "$@"', "sh", ...commandLine];
  const quoted = withoutEcho.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  return Deno.build.os === "darwin"
    ? ["script", "-q", "/dev/null", ...withoutEcho]
    : ["script", "-qfec", `exec ${quoted}`, "/dev/null"];
};

/** Lets the gateway run only these programs, so that it cannot signal process groups through Deno. */
const withFewPrograms: CommandLineWrapper = (commandLine) => {
  return commandLine.map((word) => word === "--allow-run" ? "--allow-run=sh,bash,npx,kill" : word);
};

function hasTerminal(): boolean {
  const { success } = new Deno.Command("sh", { args: ["-c", "command -v script"], stdout: "null" })
    .outputSync();
  return success;
}

const sendSignal = (name: Deno.Signal) => ({ program }: RunningGateway): void =>
  program.sendSignal(name);

/**
 * The events that end the gateway, with their time limits. After a signal the gateway has 9 s, 5 s of which are
 * for calls in progress, but here no call is in progress. The tests of a group mostly wait, and therefore run concurrently.
 */
const ENDINGS: readonly (readonly Ending[])[] = [
  [{
    name: "[faults.end-of-input] the end of its input, within 2.5 s, during a call",
    withinMs: 2000,
    end: ({ program }) => program.closeInput(),
    hasCallInProgress: true,
    includesNpxServer: true,
  }],
  [{
    name: "[faults.narrow-permissions] the end of its input, with permission to run few programs",
    withinMs: 2000,
    end: ({ program }) => program.closeInput(),
    wrapCommandLine: withFewPrograms,
    ignore: cannotPreload,
  }],
  [
    { name: "[faults.sigterm] SIGTERM", withinMs: 4000, end: sendSignal("SIGTERM") },
    { name: "[faults.sigint] SIGINT", withinMs: 4000, end: sendSignal("SIGINT") },
  ],
  [{
    name: "[faults.second-signal] a second SIGTERM, which ends it immediately",
    // The watchdog runs for another second to check that all processes have ended.
    withinMs: 1500,
    end: async ({ program }, mark) => {
      program.sendSignal("SIGTERM");
      await waitUntil(
        "the gateway handles the first signal",
        () => program.stderr.includes("Ending:"),
      );
      program.sendSignal("SIGTERM");
      const haveServersEnded = async () => (await markedProcesses(mark)).length === 0;
      await waitUntil("the servers have ended", haveServersEnded, SLACK_MS);
    },
  }],
  [
    {
      name: "[faults.terminal] the close of its terminal",
      withinMs: 3000,
      // Kills `script`, which is the terminal.
      end: sendSignal("SIGKILL"),
      wrapCommandLine: atTerminal,
      ignore: HAS_NO_SHELL || !hasTerminal(),
    },
    {
      name: "[faults.exception] an uncaught exception of the gateway",
      withinMs: 3000,
      end: sendSignal("SIGUSR2"),
      wrapCommandLine: withPreload(EXCEPTION_MODULE),
      ignore: cannotPreload,
    },
  ],
  [
    {
      name: "[faults.sigkill] SIGKILL, within 3 s",
      withinMs: 2500,
      end: sendSignal("SIGKILL"),
      includesNpxServer: true,
    },
    {
      name: "[faults.sigkill-group] SIGKILL of its process group, within 3 s",
      withinMs: 2500,
      end: ({ program }) => Deno.kill(-program.pid, "SIGKILL"),
      wrapCommandLine: inOwnGroup,
    },
  ],
];

for (const endings of ENDINGS) {
  const runnable = endings.filter(({ ignore }) => ignore !== true);
  const names = endings.map(({ name }) => name.replace(/^\S+ /, "")).join("; ");
  Deno.test({
    name: `stubborn servers end with the gateway: ${names}`,
    ignore: HAS_NO_SHELL || runnable.length === 0,
    fn: (t) => {
      return runStepsConcurrently(
        t,
        Object.fromEntries(runnable.map((ending) => [ending.name, () => endGateway(ending)])),
      );
    },
  });
}
