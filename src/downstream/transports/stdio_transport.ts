import { childEnvironment, type ConnectStdio, type ServerConfig } from "../../config/mod.ts";
import { DownstreamError } from "../../errors.ts";
import { type ByteSource, LineChannel } from "../../jsonrpc/mod.ts";
import type { Log } from "../../log.ts";
import { redact } from "../../redact.ts";
import { groupEnds, signalGroup } from "./process_group.ts";
import { NoRoom, type Processes } from "./processes.ts";
import { redactExcerpt, secretsOf } from "../secrets.ts";
import { explainStart } from "./start_failure.ts";
import { StderrTail } from "./stderr_tail.ts";
import type { GracePeriods, Transport } from "./transport.ts";
import { type CommandLine, windowsCommand } from "./windows_command.ts";
import { within } from "../../within.ts";

/** Time to wait for the exit status and the stderr of a process that is ending, in milliseconds. */
const LAST_WORDS_MS = 100;

/** The context in which a server's process is started. */
export interface StdioContext {
  /** Receives the lines of its stderr, at debug level. */
  readonly log: Log;
  /** Counts the process. */
  readonly processes: Processes;
  /** Size limit of a message, in bytes; default 64 MiB. */
  readonly maxBytes?: number;
}

/** A server as a process of ours, in a process group of its own, spoken to over its pipes. */
export class StdioTransport implements Transport {
  readonly channel: LineChannel;
  readonly pid: number;
  readonly exited: Promise<unknown>;
  readonly #child: Deno.ChildProcess;
  readonly #stderr: StderrTail;
  readonly #processes: Processes;
  #exit: Deno.CommandStatus | undefined;
  readonly #inputTimeUp = Promise.withResolvers<void>();
  #ending: Promise<void> | undefined;

  constructor(
    child: Deno.ChildProcess,
    options: StdioContext & { server: string; secrets: readonly string[] },
  ) {
    const { server, secrets, log, processes, maxBytes } = options;
    this.#child = child;
    this.#processes = processes;
    this.pid = child.pid;
    processes.add(child.pid);
    const limits = maxBytes === undefined ? {} : { maxBytes };
    this.channel = new LineChannel(readInto(child.stdout), child.stdin, limits);
    const home = Deno.env.get("HOME");
    this.#stderr = new StderrTail(child.stderr, {
      clean: (lines) => redact(lines, secrets, home),
      longestSecret: Math.max(0, home?.length ?? 0, ...secrets.map(({ length }) => length)),
      onLine: (line) => log.debug(line, { server, stream: "stderr" }),
    });
    this.exited = child.status.then((status) => this.#exit = status);
  }

  async lastWords(): Promise<string> {
    await within(Promise.all([this.#child.status, this.#stderr.done]), LAST_WORDS_MS);
    const exit = this.#exit;
    const how = exit === undefined
      ? ""
      : exit.signal === null
      ? `It exited with code ${exit.code}.`
      : `It was ended by ${exit.signal}.`;
    const said = this.#stderr.text();
    const quote = said === "" ? "" : `Its last lines on stderr:\n${said}`;
    return [how, quote].filter((part) => part !== "").join(" ");
  }

  kill(): void {
    signalGroup(this.pid, "SIGKILL");
  }

  end(gracePeriods: GracePeriods): Promise<void> {
    this.#ending ??= this.#end(gracePeriods);
    // The shortest of all times applies: a slow end must not delay the exit of the gateway.
    void within(this.#child.status, gracePeriods.inputMs).then(() => this.#inputTimeUp.resolve());
    return this.#ending;
  }

  async #end(gracePeriods: GracePeriods): Promise<void> {
    // The wait is limited, because the server may not read the queued input.
    const inputTaken = this.channel.endWriting();
    await Promise.race([inputTaken.then(() => this.#child.status), this.#inputTimeUp.promise]);
    // Its children may still run after the server itself has ended.
    if (signalGroup(this.pid, "SIGTERM") && !await groupEnds(this.pid, gracePeriods.terminateMs)) {
      signalGroup(this.pid, "SIGKILL");
    }
    await this.#child.status;
    this.#processes.remove(this.pid);
    // A process that left the group may hold the pipes open; they are not waited for.
    await within(Promise.all([this.channel.close(), this.#stderr.done]), LAST_WORDS_MS);
  }
}

/**
 * Starts a server's process.
 *
 * @param config The server's entry.
 * @param context Its command, the log, and the count of processes.
 * @throws {DownstreamError} `SERVER_UNAVAILABLE` if the command cannot be started.
 */
export function openStdio(
  config: ServerConfig,
  context: StdioContext & { readonly connect: ConnectStdio },
): StdioTransport {
  const { connect, processes } = context;
  if (!processes.hasRoom) throw new NoRoom(config.name, processes.most);
  const secrets = secretsOf(config);
  const env = childEnvironment(
    { env: connect.env, inheritEnv: config.options.inheritEnv },
    Deno.env,
  );
  try {
    const { file, args, raw } = commandLine(connect, env);
    const command = new Deno.Command(file, {
      args: [...args],
      windowsRawArguments: raw,
      env,
      clearEnv: true,
      ...(connect.cwd === undefined ? {} : { cwd: connect.cwd }),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      // A process group of its own. On Windows, this would open a console window.
      detached: Deno.build.os !== "windows",
    });
    return new StdioTransport(command.spawn(), { ...context, server: config.name, secrets });
  } catch (thrown) {
    const cause = explainStart(thrown, { connect, env });
    const message = `Server "${config.name}" is not available: ${
      redactExcerpt(cause.message, config)
    }.`;
    throw new DownstreamError("SERVER_UNAVAILABLE", config.name, message, { cause });
  }
}

function commandLine(connect: ConnectStdio, env: Record<string, string>): CommandLine {
  const { command, args, cwd } = connect;
  if (Deno.build.os !== "windows") return { file: command, args, raw: false };
  return windowsCommand(connect, { env, exists, ...(cwd === undefined ? {} : { cwd }) });
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    // An unreadable file counts as missing; Deno itself looks once more.
    return false;
  }
}

/** Maximum size of one read, in bytes. */
const READ_BYTES = 64 * 1024;

/** Reads a stream into the same memory each time, instead of into new memory. */
function readInto(stream: ReadableStream<Uint8Array>): ByteSource {
  return {
    getReader() {
      const reader = stream.getReader({ mode: "byob" });
      let buffer = new ArrayBuffer(READ_BYTES);
      return {
        async read() {
          const { done, value } = await reader.read(new Uint8Array(buffer));
          if (done) return { done };
          buffer = value.buffer;
          return { done, value };
        },
        cancel: () => reader.cancel(),
      };
    },
  };
}
