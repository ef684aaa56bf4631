import { join } from "node:path";
import { listBuilds, type MeasuredProgram, PIPE } from "./measured_programs.ts";
import { LoadClient } from "./load_client.ts";
import { Workspace } from "./workspace.ts";

/** Sampling interval of the profiler in microseconds. */
const INTERVAL_US = 200;

/** Number of calls, by the number in flight. */
const COUNTS = { 1: 20_000, 64: 300_000 } as const;

/** A node of a V8 profile. */
interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** The parts of a call's time, each with a pattern for the file or native function on top of the stack. */
const PARTS: readonly (readonly [string, RegExp])[] = [
  ["audit lines: building and writing them", /\/src\/audit\/|^op_write_sync$/],
  [
    "reading and writing pipes",
    /^op_(read|write)|_streams\.js|12_io\.js|standard_streams|stdio_tr/,
  ],
  ["lines: splitting, decoding, encoding", /\/line_\w+\.ts|\/utf8|encod/],
  ["messages: parsing, routing, answering", /\/src\/jsonrpc\//],
  ["rules, limits, metrics", /\/src\/(policy|limits|metrics)\//],
  ["the pipeline: arguments, identity, the record", /\/src\/gateway\//],
  ["the server's sessions, queues and timers", /\/src\/downstream\//],
  ["garbage collection", /^\(garbage collector\)$/],
];

const OTHER_PARTS = "the rest of Deno and V8";

/**
 * Profiles calls with results of 100 bytes, through the gateway from source and through the byte pipe.
 * Returns a Markdown table with the time of the main thread in microseconds per call.
 *
 * The profiler itself takes time, so the total exceeds the processor time of a call without the profiler.
 */
export async function profileCalls(): Promise<string> {
  const [source] = listBuilds();
  if (source === undefined) throw new Error("There is no gateway to profile");
  const columns: Map<string, number>[] = [];
  for (const inFlight of [1, 64] as const) {
    for (const program of [source, PIPE]) {
      columns.push(await profile(program, inFlight));
    }
  }
  const rowNames = [...PARTS.map(([part]) => part), OTHER_PARTS, "total"];
  const rows = rowNames.map((name) => {
    return [name, ...columns.map((column) => (column.get(name) ?? 0).toFixed(1))];
  });
  const head = ["µs a call", "1 at a time", "byte pipe, 1", "64 at a time", "byte pipe, 64"];
  const table = [head, head.map(() => "---"), ...rows];
  const widths = head.map((_, at) => Math.max(...table.map((row) => row[at]?.length ?? 0)));
  return table.map((row) => {
    return `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  }).join("\n");
}

async function profile(program: MeasuredProgram, inFlight: 1 | 64): Promise<Map<string, number>> {
  using workspace = new Workspace();
  const folder = join(workspace.folder, "profile");
  const [deno = "", run = "", ...rest] = program.command(workspace);
  const flags = ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${INTERVAL_US}`];
  const client = await LoadClient.open([deno, run, ...flags, ...rest], program.env(workspace));
  const count = COUNTS[inFlight];
  const call = program.formatCall("echo", { n: 100 });
  await client.load({ count, inFlight, call, minBytes: 100 });
  await client[Symbol.asyncDispose]();
  const [file] = [...Deno.readDirSync(folder)];
  if (file === undefined) throw new Error("Deno did not write a profile");
  return sumByPart(JSON.parse(Deno.readTextFileSync(join(folder, file.name))), count);
}

function sumByPart({ nodes, samples, timeDeltas }: Profile, count: number): Map<string, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const sums = new Map<string, number>();
  const add = (part: string, us: number): void => {
    sums.set(part, (sums.get(part) ?? 0) + us / count);
  };
  samples.forEach((id, at) => {
    const { functionName = "", url = "" } = byId.get(id)?.callFrame ?? {};
    if (functionName === "(idle)") return;
    const source = url === "" ? functionName : url;
    const us = timeDeltas[at] ?? 0;
    add(PARTS.find(([, pattern]) => pattern.test(source))?.[0] ?? OTHER_PARTS, us);
    add("total", us);
  });
  return sums;
}
