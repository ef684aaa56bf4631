/**
 * Measures the gateway: interleaved in one run, each figure beside what it is compared with. Loads
 * nothing but processes of its own on this machine.
 *
 * `--quick` takes fewer rounds and leaves the million calls out; `--json FILE` says where the figures
 * go; `--peer MAPPING` measures another gateway too, with `--peer-command "COMMAND"` where it is
 * started differently.
 */

import { parseArgs } from "node:util";
import { measureCalls, measureLargeResults } from "./bench/call_figures.ts";
import { type Contestant, DIRECT, ourselves, peer, PIPE } from "./bench/contestants.ts";
import {
  measureDenials,
  measureDiscovery,
  measureMemory,
  measureStarts,
} from "./bench/gateway_figures.ts";
import { MAPPINGS } from "./bench/mappings.ts";
import { formatTable } from "./bench/report.ts";
import { Figures } from "./bench/summary.ts";

const MILLION = 1_000_000;

const { values: flags } = parseArgs({
  args: Deno.args,
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string", default: "dist/bench.json" },
    peer: { type: "string", multiple: true, default: [] },
    "peer-command": { type: "string", multiple: true, default: [] },
    only: { type: "string" },
  },
});

function say(text: string): void {
  // The figures are what this program is for.
  // deno-lint-ignore no-console
  console.log(text);
}

function progress(text: string): void {
  // deno-lint-ignore no-console
  console.error(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${text}`);
}

function peers(): Contestant[] {
  return flags.peer.map((name, at) => {
    const mapping = MAPPINGS[name];
    if (mapping === undefined) {
      throw new Error(
        `There is no mapping "${name}"; there are ${Object.keys(MAPPINGS).join(", ")}`,
      );
    }
    return peer(flags["peer-command"][at] ?? mapping.command, mapping);
  });
}

/** What a figure's ratios are to. */
function beside(figure: string): string | undefined {
  if (figure.startsWith("initialize")) return "empty program";
  if (figure.includes("calls per second")) return "byte pipe";
  if (figure.includes("added")) return undefined;
  return "direct";
}

function machine(): Record<string, unknown> {
  const { deno, v8 } = Deno.version;
  return {
    date: new Date().toISOString(),
    processors: navigator.hardwareConcurrency,
    system: `${Deno.build.os} ${Deno.build.arch}`,
    deno,
    v8,
  };
}

const rounds = flags.quick ? 2 : 5;
const figures = new Figures();
const own = ourselves();
const gateways = [...own, ...peers()];
const parts: Record<string, () => Promise<void>> = {
  calls: () => measureCalls([DIRECT, PIPE, ...gateways], rounds, figures),
  large: () => measureLargeResults([DIRECT, ...own], flags.quick ? 1 : 3, figures),
  start: () => measureStarts(gateways, flags.quick ? 3 : 7, figures),
  denials: () => measureDenials(own, rounds, figures),
  discovery: () => measureDiscovery(own, rounds, figures),
  // The bundle alone, for a million calls take a minute.
  memory: () => {
    const measured = own.filter(({ name }) => name !== "source");
    return measureMemory(measured, flags.quick ? 0 : MILLION, figures);
  },
};
for (const [name, measure] of Object.entries(parts)) {
  if (flags.only !== undefined && flags.only !== name) continue;
  progress(name);
  await measure();
}
progress("done");
const rows = figures.rows(beside);
say(formatTable(rows));
const text = JSON.stringify({ machine: machine(), rows }, null, 2);
await Deno.writeTextFile(flags.json, `${text}\n`);
say(`\nWritten to ${flags.json}`);
