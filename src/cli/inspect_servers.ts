import { parseServers, readSettings } from "../config/mod.ts";
import { createLog } from "../log.ts";
import type { Outputs } from "./audit.ts";
import type { Inspected, InspectedServer, Machine } from "./init/mod.ts";
import { cleanLine } from "./outputs.ts";
import { NOBODY, type Probes, withProbes } from "./probe.ts";
import { Progress } from "./progress.ts";

/** Longest time that a server gets to list its tools, in milliseconds. */
const INSPECT_MS = 30_000;

/** How servers are inspected. */
export interface InspectOptions {
  /** Where variables and the working folder come from. */
  readonly machine: Machine;
  /** Where it is shown which servers are awaited. */
  readonly stderr: Outputs["stderr"];
  /** Longest time that a server gets, in milliseconds. */
  readonly inspectMs?: number;
}

/**
 * Starts the servers of a servers file that is not written yet, all at once, and asks what tools
 * they have and what they say of themselves. All are ended again. Ctrl-C ends the wait: servers that
 * have answered by then are known. Never throws for what a server does.
 *
 * @param text The text of the servers file.
 * @param options See there.
 */
export async function inspectServers(
  text: string,
  { machine, stderr, inspectMs = INSPECT_MS }: InspectOptions,
): Promise<Inspected> {
  const { env, cwd } = machine;
  const servers = parseServers(text, { env, cwd });
  const inspected = new Map<string, InspectedServer>();
  if (servers.size === 0) return inspected;
  const stop = new AbortController();
  const onSignal = () => stop.abort(new Error("skipped"));
  const interrupts = { signal: stop.signal, onSecond: () => {} };
  Deno.addSignalListener("SIGINT", onSignal);
  try {
    const settings = readSettings({}, env);
    // What goes wrong is part of what is shown; a log would run through the questions.
    const log = createLog({ level: "error", write: () => {} });
    using progress = new Progress([...servers.keys()], stderr);
    await withProbes({ servers }, { settings, log, interrupts }, async (probes) => {
      await Promise.all([...servers.keys()].map(async (name) => {
        const found = await look(
          probes,
          name,
          AbortSignal.any([
            stop.signal,
            AbortSignal.timeout(inspectMs),
          ]),
        );
        inspected.set(name, found);
        progress.done(name, found.failure ?? `${found.tools?.length} tools`);
      }));
    });
  } finally {
    Deno.removeSignalListener("SIGINT", onSignal);
  }
  return new Map([...servers.keys()].flatMap((name) => {
    const found = inspected.get(name);
    return found === undefined ? [] : [[name, found] as const];
  }));
}

async function look(probes: Probes, name: string, signal: AbortSignal): Promise<InspectedServer> {
  const server = probes.servers.get(name);
  if (server === undefined) return { failure: "not there" };
  try {
    const { tools } = await server.listTools(NOBODY, signal);
    const { instructions, title } = await server.introduce(NOBODY, signal);
    return {
      tools: tools.map((tool) => ({
        name: tool.name,
        annotations: tool.definition["annotations"],
      })),
      ...(instructions === undefined ? {} : { instructions }),
      ...(title === undefined ? {} : { title }),
    };
  } catch (error) {
    return { failure: failureText(error, name, signal) };
  }
}

function failureText(error: unknown, name: string, signal: AbortSignal): string {
  const { reason } = signal;
  if (signal.aborted && reason instanceof DOMException) return "did not answer in time";
  const [first = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  const cause = first.replace(`Server "${name}" is not available: `, "")
    .replace(/ Its last lines? on stderr:$/, "");
  return cleanLine(cause.length > 120 ? `${cause.slice(0, 119)}…` : cause);
}
