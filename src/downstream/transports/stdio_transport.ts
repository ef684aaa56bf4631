import type { Budget } from "../../budget.ts";
import { createByteReader } from "../../bytes.ts";
import {
  createChildEnvironment,
  MARK_VARIABLE,
  type ServerConfig,
  type StdioConfig,
} from "../../config/mod.ts";
import { DownstreamError } from "../../errors.ts";
import { LineChannel } from "../../jsonrpc/mod.ts";
import type { Log } from "../../log.ts";
import { isFile } from "../../file_identity.ts";
import { redactKnownSecrets } from "../../redact.ts";
import { quoteLines } from "../../text.ts";
import {
  type CommandLine,
  signalGroup,
  spawnDetached,
  waitForGroupEnd,
} from "../../processes/mod.ts";
import { NO_OWNER, type Processes, type ProcessOwner } from "./processes.ts";
import type { DirectStart } from "../direct_start/mod.ts";
import { redactExcerpt, secretsOf } from "../secrets.ts";
import { explainStartFailure } from "./start_failure.ts";
import { StderrTail } from "./stderr_tail.ts";
import type { GracePeriods, Transport } from "./transport.ts";
import { createWindowsCommand } from "./windows_command.ts";
import { within } from "../../within.ts";
import { longWork, partyOf } from "../../long_work.ts";

/** Time to wait for the exit status and the stderr of a process that is ending, in milliseconds. */
const LAST_OUTPUT_TIMEOUT_MS = 100;

/** The context in which a server's process is started. */
export interface StdioContext {
  /** Receives the lines of its stderr, at debug level. */
  readonly log: Log;
  /** Limits the number of processes. */
  readonly processes: Processes;
  /** The session that the process is for; default: `NO_OWNER`. */
  readonly owner?: ProcessOwner;
  /** Size limit of a message, in bytes; default 64 MiB. */
  readonly maxBytes?: number;
  /** The server's memory budget; default: no limit. */
  readonly memory?: Budget | undefined;
  /** Returns a promise to await before reading more from the server, while the gateway's only client does not read. */
  readonly untilClientReads?: (() => Promise<void> | undefined) | undefined;
}

/** The transport to a server that the gateway runs as a process, in its own process group, over its pipes. */
export class StdioTransport implements Transport {
  readonly channel: LineChannel;
  readonly pid: number;
  readonly exited: Promise<unknown>;
  readonly isDirect: boolean;
  readonly #child: Deno.ChildProcess;
  readonly #stderr: StderrTail;
  readonly #processes: Processes;
  #exit: Deno.CommandStatus | undefined;
  // Resolves when the server has had its time to exit after the end of its input.
  readonly #exitDeadline = Promise.withResolvers<void>();
  #ending: Promise<void> | undefined;

  constructor(
    child: Deno.ChildProcess,
    options: StdioContext & {
      server: string;
      secrets: readonly string[];
      number: number;
      isDirect: boolean;
    },
  ) {
    const { server, secrets, number, log, processes, owner = NO_OWNER } = options;
    const { maxBytes, memory, untilClientReads } = options;
    this.#child = child;
    this.isDirect = options.isDirect;
    this.#processes = processes;
    this.pid = child.pid;
    processes.add(child.pid, { number, owner });
    const limits = maxBytes === undefined ? {} : { maxBytes };
    this.channel = new LineChannel(
      { getReader: () => createByteReader(child.stdout) },
      child.stdin,
      { ...limits, memory, untilReceiverReads: untilClientReads },
    );
    const home = Deno.env.get("HOME");
    this.#stderr = new StderrTail(child.stderr, {
      memory,
      redactSecrets: (lines) => redactKnownSecrets(lines, secrets, home),
      longestSecret: Math.max(0, home?.length ?? 0, ...secrets.map(({ length }) => length)),
      onLine: (line) => log.debug(line, { server, stream: "stderr" }),
    });
    this.exited = child.status.then((status) => this.#exit = status);
  }

  async readLastOutput(): Promise<string> {
    await within(Promise.all([this.#child.status, this.#stderr.done]), LAST_OUTPUT_TIMEOUT_MS);
    const parts = this.#exit === undefined ? [] : [describeExit(this.#exit)];
    const lastLines = this.#stderr.getLastLines();
    if (lastLines !== "") parts.push(`Its last lines on stderr:\n${quoteLines(lastLines)}`);
    return parts.join(" ");
  }

  kill(): void {
    this.#signal("SIGKILL");
  }

  end(gracePeriods: GracePeriods): Promise<void> {
    this.#ending ??= this.#end(gracePeriods);
    // If `end` is called several times, the shortest time applies: a slow server must not delay the gateway's exit.
    void within(this.#child.status, gracePeriods.afterInputCloseMs).then(() =>
      this.#exitDeadline.resolve()
    );
    return this.#ending;
  }

  async #end(gracePeriods: GracePeriods): Promise<void> {
    // The wait is limited, because the server may not read the queued input.
    const inputWritten = this.channel.endWriting();
    await Promise.race([inputWritten.then(() => this.#child.status), this.#exitDeadline.promise]);
    // The server's children may still run after the server itself has ended.
    if (
      this.#signal("SIGTERM") &&
      !await waitForGroupEnd(this.pid, gracePeriods.afterTerminateMs)
    ) {
      this.#signal("SIGKILL");
    }
    await this.#child.status;
    this.#processes.remove(this.pid);
    // The wait is limited, because a process that left the group may hold the pipes open.
    await within(Promise.all([this.channel.close(), this.#stderr.done]), LAST_OUTPUT_TIMEOUT_MS);
  }

  /** Signals all processes of the group; returns whether there were any. */
  #signal(signal: "SIGTERM" | "SIGKILL"): boolean {
    if (signalGroup(this.pid, signal)) return true;
    if (this.#exit !== undefined) return false;
    try {
      // The process may have just started, and have no group of its own yet.
      this.#child.kill(signal);
      return true;
    } catch {
      return false;
    }
  }
}

function describeExit({ code, signal }: Deno.CommandStatus): string {
  return signal === null ? `It exited with code ${code}.` : `It was ended by ${signal}.`;
}

/**
 * Starts a server's process.
 *
 * @param config The server's entry.
 * @param context Its command, the log, and the processes.
 * @throws {DownstreamError} `SERVER_UNAVAILABLE` if the command cannot be started.
 */
export async function openStdio(
  config: ServerConfig,
  context: StdioContext & { readonly connection: StdioConfig },
): Promise<StdioTransport> {
  const { processes, memory, owner = NO_OWNER } = context;
  const connection = config.options.sandbox === undefined
    ? context.connection
    : await withSandbox(config, context.connection);
  const env = createChildEnvironment(
    { env: connection.env, inheritEnv: config.options.inheritEnv },
    Deno.env,
  );
  const directStart = await findDirectProgram(config, { connection, env });
  const start = (): StdioTransport | undefined => {
    return processes.hasRoomFor(owner)
      ? spawn(config, { ...context, connection, env, directStart })
      : undefined;
  };
  for (;;) {
    // Starting a process takes time in proportion to the memory of this process: 50 ms for a gigabyte.
    const transport = longWork.servesSeveralClients
      ? await longWork.run(partyOf(memory), start)
      : start();
    if (transport !== undefined) return transport;
    await processes.makeRoom(config.name, owner);
  }
}

/** The context in which a process is started. */
interface SpawnContext extends StdioContext {
  readonly connection: StdioConfig;
  /** The environment of the command. */
  readonly env: Record<string, string>;
  /** The program that the command would start, if it is known. */
  readonly directStart: DirectStart | undefined;
}

/** Finds the program that a launcher, such as `npx`, would start. */
async function findDirectProgram(
  { options }: ServerConfig,
  { connection, env }: Pick<SpawnContext, "connection" | "env">,
): Promise<DirectStart | undefined> {
  const isPossible = options.directStart !== false && options.sandbox === undefined &&
    /(?:^|\/)(?:npx|uvx)$/.test(connection.command);
  if (!isPossible) return undefined;
  const { findDirectStart } = await import("../direct_start/mod.ts");
  return await findDirectStart(connection, env);
}

function spawn(config: ServerConfig, context: SpawnContext): StdioTransport {
  const { connection, processes, directStart } = context;
  const secrets = secretsOf(config);
  const { number, mark } = processes.createMark();
  const env = { ...context.env, [MARK_VARIABLE]: mark };
  const startDirectly = (): Deno.ChildProcess | undefined => {
    if (directStart === undefined) return undefined;
    try {
      const line = { file: directStart.command, args: directStart.args, raw: false };
      const { cwd } = connection;
      return spawnDetached(line, { env: { ...directStart.env, [MARK_VARIABLE]: mark }, cwd });
    } catch {
      // The launcher reports why the program cannot be started.
      return undefined;
    }
  };
  try {
    const directChild = startDirectly();
    if (directChild !== undefined) {
      const { command } = connection;
      context.log.debug("Started without its launcher", { server: config.name, launcher: command });
    }
    const child = directChild ??
      spawnDetached(createCommandLine(connection, env), { env, cwd: connection.cwd });
    return new StdioTransport(child, {
      ...context,
      server: config.name,
      secrets,
      number,
      isDirect: directChild !== undefined,
    });
  } catch (error) {
    const cause = explainStartFailure(error, { connection, env });
    const reason = redactExcerpt(cause.message, config);
    const message = `Server "${config.name}" is not available: ${reason}.`;
    throw new DownstreamError("SERVER_UNAVAILABLE", config.name, message, { cause });
  }
}

/**
 * Returns a connection with the command line of its sandbox.
 *
 * @throws {DownstreamError} if this system has no such sandbox, or a path of the entry leads out of its folder.
 */
async function withSandbox(
  { name, options }: ServerConfig,
  connection: StdioConfig,
): Promise<StdioConfig> {
  if (Deno.build.os !== "linux") {
    const message =
      `Server "${name}" is not available: its sandbox "bwrap" exists on Linux only; ` +
      "remove `gateway.sandbox` from its entry to run it without.";
    throw new DownstreamError("SERVER_UNAVAILABLE", name, message);
  }
  const { createBwrapCommand, findEscapingPath } = await import("./bwrap.ts");
  const escapingPath = findEscapingPath(connection);
  if (escapingPath !== undefined) {
    const message =
      `Server "${name}" is not available: ${escapingPath} must not lead out of the server's ` +
      "`cwd` through a link, which a server in a sandbox could make itself; name the target of the link.";
    throw new DownstreamError("SERVER_UNAVAILABLE", name, message);
  }
  const [command = "", ...args] = createBwrapCommand(connection, options);
  return { ...connection, command, args };
}

function createCommandLine(connection: StdioConfig, env: Record<string, string>): CommandLine {
  const { command, args, cwd } = connection;
  if (Deno.build.os !== "windows") return { file: command, args, raw: false };
  return createWindowsCommand(connection, {
    env,
    exists: isFile,
    ...(cwd === undefined ? {} : { cwd }),
  });
}
