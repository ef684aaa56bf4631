import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { runTogether } from "./fault_calls.ts";
import {
  faultServer,
  markedProcesses,
  newMark,
  NO_SHELL,
  type Process,
  type StdioEntry,
  treeOf,
  waitUntilGone,
} from "./fault_processes.ts";
import { EXCEPTION, isCompiled, preload, startWrapped, type Wrap } from "./fault_preload.ts";
import { executeParams, type RunningGateway } from "./gateway.ts";
import { Setup } from "./setup.ts";
import { until } from "./until.ts";

const SERVERS_FOLDER = fileURLToPath(new URL("../servers/", import.meta.url));

/** Allowance for the slowest test machine, in milliseconds. */
const SLACK_MS = 500;

type HardServers = Record<string, { entry: StdioEntry; atLeast: number }>;

/** The launcher of most servers: npm exec, often sh, then node. */
function npxServer(mark: string): HardServers {
  const entry = {
    command: "npx",
    args: ["--offline", "mcp-server-everything", "stdio", mark],
    cwd: SERVERS_FOLDER,
    env: { npm_config_update_notifier: "false" },
  };
  return { npx: { entry, atLeast: 2 } };
}

/** Servers whose processes are hard to end, and the minimum number of processes of each. */
function hardServers(mark: string): HardServers {
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
  readonly go: (gateway: RunningGateway, mark: string) => Promise<void> | void;
  readonly wrap?: Wrap;
  /** Whether a call is in progress at the end. */
  readonly callUnderWay?: boolean;
  /**
   * Whether to add a server that `npx` starts, which takes a second of processor time. Default: no.
   */
  readonly withNpx?: boolean;
  readonly ignore?: boolean;
}

/**
 * Starts a gateway with all the hard servers, ends it, and waits until everything is gone: servers,
 * their children, the watchdog.
 */
async function endGateway({ withinMs, go, wrap, callUnderWay, withNpx }: Ending): Promise<void> {
  await ensureServers();
  const mark = newMark();
  const servers = { ...hardServers(mark), ...(withNpx === true ? npxServer(mark) : {}) };
  const entries = Object.entries(servers).map(([name, { entry }]) => [name, entry]);
  const setup = new Setup({
    servers: Object.fromEntries(entries),
    env: { GATEWAY_AGENT: "tester", GATEWAY_LOG_LEVEL: "debug" },
  });
  const gateway = await startWrapped(setup, wrap);
  try {
    if (wrap === atTerminal) {
      // From now on the terminal does not echo input, which would look like messages.
      await until("the gateway is there", () => gateway.program.lines.join().includes("is ready"));
    }
    await gateway.client.initialize();
    for (const [name, { entry }] of Object.entries(servers)) {
      const isFault = entry.command === "sh";
      const args = isFault ? { token: name } : { message: name };
      assert.equal(await gateway.text(name, "echo", args), isFault ? name : `Echo: ${name}`);
    }
    if (callUnderWay === true) {
      gateway.client.request("tools/call", executeParams("stubborn", "wait")).catch(() => {});
    }
    const before = await treeOf(gateway.program.pid, mark);
    checkHardness(before, servers);
    await go(gateway, mark);
    await waitUntilGone(before, mark, withinMs + SLACK_MS);
  } finally {
    gateway.program.signal("SIGKILL");
    await gateway.program.closeInput();
    await gateway.program.ended();
    await setup.close();
  }
}

/** Checks that the processes exist: a server that has ended on its own proves nothing. */
function checkHardness(before: readonly Process[], servers: HardServers): void {
  const shown = before.map(({ pid, parent, args }) => `${pid} ${parent} ${args}`).join("\n");
  const least = Object.values(servers).reduce((sum, { atLeast }) => sum + atLeast, 0);
  const gateway = before.find(({ args }) => args.includes("fault_server.sh"))?.parent;
  const children = before.filter(({ parent }) => parent === gateway);
  assert.equal(children.length, Object.keys(servers).length + 1, `with a watchdog:\n${shown}`);
  assert.ok(before.length >= least + 2, `at least ${least + 2} processes:\n${shown}`);
}

/** Makes the gateway the leader of its own process group. */
const inOwnGroup: Wrap = (words) => ["perl", "-e", "setpgrp(0, 0); exec @ARGV", "--", ...words];

/** Runs the gateway in a terminal, which closes when its terminal emulator is gone. */
const atTerminal: Wrap = (words) => {
  const quiet = ["sh", "-c", 'stty -echo; exec "$@"', "sh", ...words];
  const quoted = quiet.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  return Deno.build.os === "darwin"
    ? ["script", "-q", "/dev/null", ...quiet]
    : ["script", "-qfec", `exec ${quoted}`, "/dev/null"];
};

/** Lets the gateway run only these programs, so that Deno cannot signal a group. */
const withFewPrograms: Wrap = (words) => {
  return words.map((word) => word === "--allow-run" ? "--allow-run=sh,bash,npx,kill" : word);
};

function hasTerminal(): boolean {
  const { success } = new Deno.Command("sh", { args: ["-c", "command -v script"], stdout: "null" })
    .outputSync();
  return success;
}

const signal = (name: Deno.Signal) => ({ program }: RunningGateway): void => program.signal(name);

/**
 * The time limits of SPEC 7. After a signal, 5 of the 9 s are for calls, and there are none. The
 * members of a group mostly wait, and therefore run concurrently.
 */
const ENDINGS: readonly (readonly Ending[])[] = [
  [{
    name: "[faults.end-of-input] the end of its input, within 2.5 s, during a call",
    withinMs: 2000,
    go: ({ program }) => program.closeInput(),
    callUnderWay: true,
    withNpx: true,
  }],
  [{
    name: "[faults.narrow-permissions] the end of its input, with permission to run few programs",
    withinMs: 2000,
    go: ({ program }) => program.closeInput(),
    wrap: withFewPrograms,
    ignore: isCompiled,
  }],
  [
    { name: "[faults.sigterm] SIGTERM", withinMs: 4000, go: signal("SIGTERM") },
    { name: "[faults.sigint] SIGINT", withinMs: 4000, go: signal("SIGINT") },
  ],
  [{
    name: "[faults.second-signal] a second SIGTERM, which ends it immediately",
    // The watchdog checks for a second longer whether all processes have ended.
    withinMs: 1500,
    go: async ({ program }, mark) => {
      program.signal("SIGTERM");
      await until("the first is heard", () => program.stderr.includes("Ending:"));
      program.signal("SIGTERM");
      const hasEnded = async () => (await markedProcesses(mark)).length === 0;
      await until("the servers have ended", hasEnded, SLACK_MS);
    },
  }],
  [
    {
      name: "[faults.terminal] its terminal closes",
      withinMs: 3000,
      // Sent to the terminal emulator.
      go: signal("SIGKILL"),
      wrap: atTerminal,
      ignore: NO_SHELL || !hasTerminal(),
    },
    {
      name: "[faults.exception] an uncaught exception of the gateway",
      withinMs: 3000,
      go: signal("SIGUSR2"),
      wrap: preload(EXCEPTION),
      ignore: isCompiled,
    },
  ],
  [
    {
      name: "[faults.sigkill] SIGKILL, within 3 s",
      withinMs: 2500,
      go: signal("SIGKILL"),
      withNpx: true,
    },
    {
      name: "[faults.sigkill-group] SIGKILL of its process group, within 3 s",
      withinMs: 2500,
      go: ({ program }) => Deno.kill(-program.pid, "SIGKILL"),
      wrap: inOwnGroup,
    },
  ],
];

for (const endings of ENDINGS) {
  const possible = endings.filter(({ ignore }) => ignore !== true);
  const names = endings.map(({ name }) => name.replace(/^\S+ /, "")).join("; ");
  Deno.test({
    name: `servers that are hard to end go with the gateway: ${names}`,
    ignore: NO_SHELL || possible.length === 0,
    fn: (t) => {
      return runTogether(
        t,
        Object.fromEntries(possible.map((ending) => [ending.name, () => endGateway(ending)])),
      );
    },
  });
}
