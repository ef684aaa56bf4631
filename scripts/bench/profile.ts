import { join } from "node:path";
import { type Contestant, ourselves, PIPE } from "./contestants.ts";
import { LoadClient } from "./load_client.ts";
import { Scene } from "./scene.ts";

/** Sampling interval of the profiler in microseconds. */
const INTERVAL_US = 200;

/** Number of calls, by calls in flight. */
const COUNTS = { 1: 20_000, 64: 300_000 } as const;

/** A node of a V8 profile. */
interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
}

interface Profile {
  readonly nodes: readonly Node[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** The parts of the time of a call, by the file or the native function on top of the stack. */
const PARTS: readonly (readonly [string, RegExp])[] = [
  ["audit lines: building and writing them", /\/src\/audit\/|^op_write_sync$/],
  [
    "reading and writing pipes",
    /^op_(read|write)|_streams\.js|12_io\.js|standard_streams|stdio_tr/,
  ],
  ["lines: splitting, decoding, encoding", /\/line_\w+\.ts|\/utf8_bytes|encod/],
  ["messages: parsing, routing, answering", /\/src\/jsonrpc\//],
  ["rules, limits, metrics", /\/src\/(policy|limits|metrics)\//],
  ["the pipeline: arguments, identity, the record", /\/src\/gateway\//],
  ["the server's sessions, queues and timers", /\/src\/downstream\//],
  ["garbage collection", /^\(garbage collector\)$/],
];

const OTHERS = "the rest of Deno and V8";

/**
 * Profiles calls of 100 bytes through the gateway from source and the byte pipe. Returns a Markdown
 * table with the time of each main thread, in microseconds per call.
 *
 * The profiler takes time itself, so the sum exceeds the processor time without it.
 */
export async function profileCalls(): Promise<string> {
  const [source] = ourselves();
  if (source === undefined) throw new Error("There is no gateway to profile");
  const columns: Map<string, number>[] = [];
  for (const inFlight of [1, 64] as const) {
    for (const contestant of [source, PIPE]) {
      columns.push(await profile(contestant, inFlight));
    }
  }
  const rows = [...PARTS.map(([part]) => part), OTHERS, "total"];
  const lines = rows.map((row) => {
    return [row, ...columns.map((column) => (column.get(row) ?? 0).toFixed(1))];
  });
  const head = ["µs a call", "1 at a time", "byte pipe, 1", "64 at a time", "byte pipe, 64"];
  const cells = [head, head.map(() => "---"), ...lines];
  const widths = head.map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
  return cells.map((line) => {
    return `| ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  }).join("\n");
}

async function profile(contestant: Contestant, inFlight: 1 | 64): Promise<Map<string, number>> {
  using scene = new Scene();
  const folder = join(scene.folder, "profile");
  const [deno = "", run = "", ...rest] = contestant.command(scene);
  const flags = ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${INTERVAL_US}`];
  const client = await LoadClient.open([deno, run, ...flags, ...rest], contestant.env(scene));
  const count = COUNTS[inFlight];
  const call = contestant.call("echo", { n: 100 });
  await client.load({ count, inFlight, call, leastBytes: 100 });
  await client[Symbol.asyncDispose]();
  const [file] = [...Deno.readDirSync(folder)];
  if (file === undefined) throw new Error("Deno did not write a profile");
  return sumUp(JSON.parse(Deno.readTextFileSync(join(folder, file.name))), count);
}

function sumUp({ nodes, samples, timeDeltas }: Profile, count: number): Map<string, number> {
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
    add(PARTS.find(([, pattern]) => pattern.test(source))?.[0] ?? OTHERS, us);
    add("total", us);
  });
  return sums;
}
