/**
 * Measures the gateway: interleaved in one run, each figure beside what it is compared with. Loads
 * nothing but processes of its own on this machine.
 *
 * `--quick` takes fewer rounds and leaves the million calls out; `--only PART` measures one part,
 * and `--share 0.1` makes a tenth of its calls; `--json FILE` says where the figures go. `--profile`
 * tells instead where the time of a call goes.
 *
 * `--peer NAME` measures another gateway as well, of those in bench/mappings.ts; `--peer "COMMAND"
 * --mapping NAME` starts it in another way, and a JSON file in place of the name describes any other
 * gateway. A peer that fails is told of below the table, and costs none of the other figures.
 */

import { parseArgs } from "node:util";
import { measureCalls, measureLargeResults } from "./bench/call_figures.ts";
import { DIRECT, ourselves, PIPE } from "./bench/contestants.ts";
import {
  measureDenials,
  measureDiscovery,
  measureMemory,
  measureStarts,
} from "./bench/gateway_figures.ts";
import { measureHttp } from "./bench/http_figures.ts";
import { pairPeers, readPeers } from "./bench/peers.ts";
import { profileCalls } from "./bench/profile.ts";
import { formatTable } from "./bench/report.ts";
import { Figures } from "./bench/summary.ts";

const MILLION = 1_000_000;

const { values: flags, tokens } = parseArgs({
  args: Deno.args,
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string", default: "dist/bench.json" },
    peer: { type: "string", multiple: true, default: [] },
    mapping: { type: "string", multiple: true, default: [] },
    only: { type: "string" },
    share: { type: "string", default: "1" },
    profile: { type: "boolean", default: false },
  },
  tokens: true,
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

/** What a figure's ratios are to. */
function beside(figure: string): string | undefined {
  if (figure.startsWith("initialize")) return "empty program";
  if (figure.includes("calls per second")) return "byte pipe";
  if (figure.startsWith("HTTP")) return "over stdio";
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

/** The share of the calls that is made. */
function readShare(text: string): number {
  const share = Number(text);
  if (share > 0 && share <= 1) return share;
  throw new Error(`--share is a number above 0 and up to 1, and not "${text}"`);
}

if (flags.profile) {
  say(await profileCalls());
  Deno.exit();
}
const share = readShare(flags.share);
const rounds = flags.quick ? 2 : 5;
const figures = new Figures();
const own = ourselves();
const peers = readPeers(pairPeers(tokens), (message) => {
  progress(message);
  figures.fail(message);
});
const gateways = [...own, ...peers];
const parts: Record<string, () => Promise<void>> = {
  calls: () => measureCalls([DIRECT, PIPE, ...gateways], { rounds, share }, figures),
  large: () => measureLargeResults([DIRECT, ...own], flags.quick ? 1 : 3, figures),
  start: () => measureStarts(gateways, flags.quick ? 3 : 7, figures),
  denials: () => measureDenials(own, rounds, figures),
  http: () => measureHttp(own.filter(({ name }) => name !== "source"), rounds, figures),
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
const { failures } = figures;
for (const message of failures) say(`\nNot measured: ${message}`);
const text = JSON.stringify({ machine: machine(), rows, failures }, null, 2);
await Deno.writeTextFile(flags.json, `${text}\n`);
say(`\nWritten to ${flags.json}`);
// Whatever a failed peer may have left open must not keep this program.
if (failures.length > 0) Deno.exit();
