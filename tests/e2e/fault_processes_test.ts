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

/** Allowance for the slowest test machine, in milliseconds. */
const SLACK_MS = 500;

type StubbornServers = Record<string, { entry: StdioEntry; atLeast: number }>;

/** The launcher of most servers: npm exec, often sh, then node. */
function npxServer(mark: string): StubbornServers {
  const entry = {
    command: "npx",
    args: ["--offline", "mcp-server-everything", "stdio", mark],
    cwd: SERVERS_FOLDER,
    env: { npm_config_update_notifier: "false" },
  };
  return { npx: { entry, atLeast: 2 } };
}

/** Servers whose processes are hard to end, and the minimum number of processes of each. */
function stubbornServers(mark: string): StubbornServers {
  const everything = serverEntry("everything");
  return {
    chain: {
      entry: {
        command: "bash",
        args: ["-c", `sh -c 'node "$0" stdio "$1"; true' "$0" "$1"; true`, everything, mark],
      },
      atLeast: 3,
    },
    // Both the server and its child ignore all signals that can be ignored.
    stubborn: { entry: faultServer(mark, "stubborn", "stubborn-child"), atLeast: 2 },
    // The server ends with its input, but its child does not, nor does one that holds the pipes.
    outlived: { entry: faultServer(mark, "stubborn-child"), atLeast: 2 },
    holding: { entry: faultServer(mark, "holding-child"), atLeast: 2 },
  };
}

/** One end of a gateway. */
interface Ending {
  readonly name: string;
  /** Maximum time until everything is gone, in milliseconds. */
  readonly withinMs: number;
  readonly end: (gateway: RunningGateway, mark: string) => Promise<void> | void;
  readonly wrapCommandLine?: CommandLineWrapper;
  /** Whether a call is in progress at the end. */
  readonly hasCallInProgress?: boolean;
  /**
   * Whether to add a server that `npx` starts, which takes a second of processor time. Default: no.
   */
  readonly includesNpxServer?: boolean;
  readonly ignore?: boolean;
}

/**
 * Starts a gateway with all the hard servers, ends it, and waits until everything is gone: servers,
 * their children, the watchdog.
 */
async function endGateway(
  {
    withinMs,
    end: go,
    wrapCommandLine: wrap,
    hasCallInProgress: callUnderWay,
    includesNpxServer: withNpx,
  }: Ending,
): Promise<void> {
  await ensureServers();
  const mark = newMark();
  const servers = { ...stubbornServers(mark), ...(withNpx === true ? npxServer(mark) : {}) };
  const entries = Object.entries(servers).map(([name, { entry }]) => [name, entry]);
  const setup = new Setup({
    servers: Object.fromEntries(entries),
    env: { GATEWAY_AGENT: "tester", GATEWAY_LOG_LEVEL: "debug" },
  });
  const gateway = await startWrapped(setup, wrap);
  try {
    if (wrap === atTerminal) {
      // From now on the terminal does not echo input, which would look like messages.
      await waitUntil(
        "the gateway is there",
        () => gateway.program.lines.join().includes("is ready"),
      );
    }
    await gateway.client.initialize();
    for (const [name, { entry }] of Object.entries(servers)) {
      const isFault = entry.command === "sh";
      const args = isFault ? { token: name } : { message: name };
      assert.equal(
        await gateway.callServerToolForText(name, "echo", args),
        isFault ? name : `Echo: ${name}`,
      );
    }
    if (callUnderWay === true) {
      gateway.client.request("tools/call", executeToolParams("stubborn", "wait")).catch(() => {});
    }
    const before = await findProcessTree(gateway.program.pid, mark);
    checkProcessesExist(before, servers);
    await go(gateway, mark);
    await waitUntilGone(before, mark, withinMs + SLACK_MS);
  } finally {
    gateway.program.sendSignal("SIGKILL");
    await gateway.program.closeInput();
    await gateway.program.waitForEnd();
    await setup.close();
  }
}

/** Checks that the processes exist: a server that has ended on its own proves nothing. */
function checkProcessesExist(before: readonly Process[], servers: StubbornServers): void {
  const shown = before.map(({ pid, parent, args }) => `${pid} ${parent} ${args}`).join("\n");
  const least = Object.values(servers).reduce((sum, { atLeast }) => sum + atLeast, 0);
  const gateway = before.find(({ args }) => args.includes("fault_server.sh"))?.parent;
  const children = before.filter(({ parent }) => parent === gateway);
  assert.equal(children.length, Object.keys(servers).length + 1, `with a watchdog:\n${shown}`);
  assert.ok(before.length >= least + 2, `at least ${least + 2} processes:\n${shown}`);
}

/** Makes the gateway the leader of its own process group. */
const inOwnGroup: CommandLineWrapper = (
  words,
) => ["perl", "-e", "setpgrp(0, 0); exec @ARGV", "--", ...words];

/** Runs the gateway in a terminal, which closes when its terminal emulator is gone. */
const atTerminal: CommandLineWrapper = (words) => {
  const quiet = ["sh", "-c", 'stty -echo; exec "$@"', "sh", ...words];
  const quoted = quiet.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  return Deno.build.os === "darwin"
    ? ["script", "-q", "/dev/null", ...quiet]
    : ["script", "-qfec", `exec ${quoted}`, "/dev/null"];
};

/** Lets the gateway run only these programs, so that Deno cannot signal a group. */
const withFewPrograms: CommandLineWrapper = (words) => {
  return words.map((word) => word === "--allow-run" ? "--allow-run=sh,bash,npx,kill" : word);
};

function hasTerminal(): boolean {
  const { success } = new Deno.Command("sh", { args: ["-c", "command -v script"], stdout: "null" })
    .outputSync();
  return success;
}

const sendSignal = (name: Deno.Signal) => ({ program }: RunningGateway): void =>
  program.sendSignal(name);

/**
 * The time limits of SPEC 7. After a signal, 5 of the 9 s are for calls, and there are none. The
 * members of a group mostly wait, and therefore run concurrently.
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
    // The watchdog checks for a second longer whether all processes have ended.
    withinMs: 1500,
    end: async ({ program }, mark) => {
      program.sendSignal("SIGTERM");
      await waitUntil("the first is heard", () => program.stderr.includes("Ending:"));
      program.sendSignal("SIGTERM");
      const hasEnded = async () => (await markedProcesses(mark)).length === 0;
      await waitUntil("the servers have ended", hasEnded, SLACK_MS);
    },
  }],
  [
    {
      name: "[faults.terminal] its terminal closes",
      withinMs: 3000,
      // Sent to the terminal emulator.
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
  const possible = endings.filter(({ ignore }) => ignore !== true);
  const names = endings.map(({ name }) => name.replace(/^\S+ /, "")).join("; ");
  Deno.test({
    name: `servers that are hard to end go with the gateway: ${names}`,
    ignore: HAS_NO_SHELL || possible.length === 0,
    fn: (t) => {
      return runStepsConcurrently(
        t,
        Object.fromEntries(possible.map((ending) => [ending.name, () => endGateway(ending)])),
      );
    },
  });
}
