import { parseServers, readSettings, type ServerConfig } from "../../config/mod.ts";
import { downloadCommandOf } from "../../downstream/causes/mod.ts";
import { createLog } from "../../log.ts";
import type { Output } from "../command.ts";
import { findCause } from "../doctor_finding.ts";
import { Interrupted } from "../error_report.ts";
import { type Interrupts, withInterrupts } from "../interrupts.ts";
import { ANONYMOUS_CALLER, DOWNLOAD_MS, type ProbedServers, withProbedServers } from "../probe.ts";
import { Progress } from "../progress.ts";
import { escapeControls } from "../../text.ts";
import type { Machine } from "./clients.ts";

/** The fields of a listed tool that rules are made from. */
export interface InspectedTool {
  readonly name: string;
  readonly annotations: unknown;
  /** Estimated tokens of the definition; absent if not counted. */
  readonly tokens?: number;
}

/** The result of starting a server once. */
export interface InspectedServer {
  /** Absent if the server could not be started. */
  readonly tools?: readonly InspectedTool[];
  /** The reason why the server could not be started, in one line. */
  readonly failure?: string;
  /** Whether the server did not answer in time, so that another try may help. */
  readonly hasTimedOut?: boolean;
  /** A command that downloads the server's package. */
  readonly downloadCommand?: string;
  /** The instructions that the server sends to its clients. */
  readonly instructions?: string;
  readonly title?: string;
}

/** The inspected servers by name; a server that was not started is missing. */
export type InspectedServers = ReadonlyMap<string, InspectedServer>;

/** Time limit for an installed server to list its tools, in milliseconds. */
const INSTALLED_MS = 30_000;

/** Options of `inspectServers`. */
export interface InspectOptions {
  readonly machine: Machine;
  /** The stream for the progress. */
  readonly stderr: Output;
  /** Time limit for an installed server. */
  readonly inspectMs?: number;
  /** Time limit for a server that may be downloaded first. */
  readonly downloadMs?: number;
  /** Names of the servers to start; default: all. */
  readonly only?: readonly string[];
}

/**
 * Starts servers, lists their tools and instructions, and ends them. Ctrl-C ends the wait, and the result
 * contains the servers that have answered. The result also contains the servers that failed.
 *
 * @param text The text of a servers file, which need not be written yet.
 */
export async function inspectServers(
  text: string,
  { machine, stderr, inspectMs = INSTALLED_MS, downloadMs = DOWNLOAD_MS, only }: InspectOptions,
): Promise<InspectedServers> {
  const { env, cwd } = machine;
  const allServers = [...await parseServers(text, { env, cwd })];
  const servers = new Map(allServers.filter(([name]) => only?.includes(name) ?? true));
  const inspectedServers = new Map<string, InspectedServer>();
  if (servers.size === 0) return inspectedServers;
  const settings = readSettings({}, env);
  // Failures are part of the result. A log would be printed between the questions.
  const log = createLog({ level: "error", write: () => {} });
  const inspectAll = async (interrupts: Interrupts): Promise<void> => {
    const { signal } = interrupts;
    await withProbedServers({ servers, settings, log, interrupts }, async (probedServers) => {
      const mayDownload = (name: string) => probedServers.mayDownload(name);
      using progress = new Progress([...servers.keys()], {
        output: stderr,
        signal,
        mayDownload,
      });
      await probedServers.mapServers(servers.keys(), async (name) => {
        const limit = AbortSignal.timeout(mayDownload(name) ? downloadMs : inspectMs);
        const result = await inspect(probedServers, name, AbortSignal.any([signal, limit]));
        inspectedServers.set(name, result);
        progress.finish(name, result.failure ?? `${result.tools?.length} tools`);
      });
    });
  };
  try {
    await withInterrupts(inspectAll, ["SIGINT"]);
  } catch (error) {
    // After Ctrl-C the questions continue with the servers that have answered.
    if (!(error instanceof Interrupted)) throw error;
  }
  return new Map([...servers.keys()].flatMap((name) => {
    const result = inspectedServers.get(name);
    return result === undefined ? [] : [[name, result] as const];
  }));
}

async function inspect(
  probedServers: ProbedServers,
  name: string,
  signal: AbortSignal,
): Promise<InspectedServer> {
  const server = probedServers.servers.get(name);
  if (server === undefined) return { failure: "not there" };
  const { connection } = server.config;
  const downloadCommand = downloadCommandOf(connection);
  try {
    signal.throwIfAborted();
    const { items } = await server.list("tools", { caller: ANONYMOUS_CALLER, signal });
    const { instructions, name: serverName, title = serverName } = await server.getInfo(
      ANONYMOUS_CALLER,
      signal,
    );
    const { estimateTokens } = await import("../../gateway/mod.ts");
    return {
      tools: items.map((tool) => ({
        name: tool.name,
        annotations: tool.definition["annotations"],
        tokens: estimateTokens(tool.text.json),
      })),
      ...(instructions === undefined ? {} : { instructions }),
      ...(title === undefined ? {} : { title }),
    };
  } catch (error) {
    if (signal.reason?.name === "AbortError") return { failure: "skipped" };
    const hasTimedOut = signal.aborted || isTimeout(error);
    return {
      failure: hasTimedOut ? "did not answer in time" : failureText(error, server.config),
      ...(hasTimedOut ? { hasTimedOut } : {}),
      ...(hasTimedOut && downloadCommand !== undefined ? { downloadCommand } : {}),
    };
  }
}

/** Whether the server did not answer in time. */
function isTimeout(error: unknown): boolean {
  const isTimeoutError = error instanceof DOMException && error.name === "TimeoutError";
  return isTimeoutError || (error instanceof Error && isTimeout(error.cause));
}

/** Returns the first line of what `doctor` would report. */
function failureText(error: unknown, config: ServerConfig): string {
  const probe = { config, error, ms: 0, noise: [], warnings: [] };
  const [first = ""] = findCause(probe, { warnings: [] }).message.split("\n");
  return escapeControls(first.replace(/\.? Its last lines? on stderr:$/, ""));
}
