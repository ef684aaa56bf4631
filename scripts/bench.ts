/**
 * Measures the gateway, and compares most figures with those of a reference program. Calls and starts of
 * all programs are measured in turns, so that a disturbance affects all of them. `--help` explains the
 * options.
 *
 * Another gateway that fails is listed below the table and does not affect the other figures.
 */

import { measureCatalogs } from "./bench/catalog_figures.ts";
import { measureCalls, measureLargeResults } from "./bench/call_figures.ts";
import { measureBesideLoops, measureRunCode } from "./bench/run_code_figures.ts";
import { CALLS, measureTask } from "./bench/task_figures.ts";
import { DIRECT, listBuilds, PIPE } from "./bench/measured_programs.ts";
import {
  measureDenials,
  measureDiscovery,
  measureMemory,
  measureRecords,
  measureStarts,
} from "./bench/gateway_figures.ts";
import { measureDecisions } from "./bench/decision_figures.ts";
import { measureMemoryCount } from "./bench/memory_count_figures.ts";
import { measureFinding } from "./bench/finding_figures.ts";
import { measureHttp } from "./bench/http_figures.ts";
import { parseBenchOptions, type Part } from "./bench/flags.ts";
import { profileCalls } from "./bench/profile.ts";
import { formatTable } from "./bench/report.ts";
import { Figures } from "./bench/summary.ts";
import { measureShared, NO_GATEWAY } from "./bench/shared_figures.ts";
import { EARLIER, measureRevisions } from "./bench/revision_figures.ts";
import { measureTokens } from "./bench/token_figures.ts";

/** The parts that start hundreds of processes, and run only if they are named. */
const CROWDS: readonly string[] = ["catalogs", "shared"];

/** Number of calls after which the memory is measured. */
const MEMORY_CALLS = 1_000_000;

function print(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}

function logProgress(text: string): void {
  // deno-lint-ignore no-console
  console.error(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${text}`);
}

/** Returns the name of the program that a figure is compared with. */
function referenceOf(figure: string): string | undefined {
  if (figure.startsWith("initialize")) return "empty program";
  if (figure.includes("calls per second")) return "byte pipe";
  if (figure.startsWith("HTTP")) return "over stdio";
  if (figure.startsWith("revisions")) return EARLIER;
  if (figure.startsWith("a task of 50 records")) return CALLS;
  if (figure.includes("clients of")) return NO_GATEWAY;
  if (figure.includes("gateways of")) return "eager";
  if (figure.includes("added")) return undefined;
  return "direct";
}

function describeMachine(): Record<string, unknown> {
  const { deno, v8 } = Deno.version;
  return {
    date: new Date().toISOString(),
    processors: navigator.hardwareConcurrency,
    system: `${Deno.build.os} ${Deno.build.arch}`,
    deno,
    v8,
  };
}

const options = parseBenchOptions(Deno.args);
if ("message" in options) {
  logProgress(options.message);
  Deno.exit(options.exitCode);
}
const { flags, share, otherGateways } = options;
if (flags.profile) {
  logProgress("profile");
  print(await profileCalls());
  Deno.exit();
}
const rounds = flags.quick ? 2 : 5;
const figures = new Figures();
const builds = listBuilds();
const shippedBuilds = builds.filter(({ name }) => name !== "source");
const gateways = [...builds, ...otherGateways];
const parts: Record<Part, () => Promise<void>> = {
  calls: () => measureCalls([DIRECT, PIPE, ...gateways], { rounds, share }, figures),
  large: () => measureLargeResults([DIRECT, ...builds], flags.quick ? 1 : 3, figures),
  start: () => measureStarts(gateways, flags.quick ? 3 : 7, figures),
  records: async () => {
    measureMemoryCount(rounds, figures);
    await measureRecords(builds, rounds, figures);
  },
  denials: async () => {
    measureDecisions(rounds, figures);
    await measureDenials(builds, rounds, figures);
  },
  http: () => measureHttp(shippedBuilds, rounds, figures),
  revisions: () => measureRevisions(shippedBuilds, rounds, figures),
  discovery: () => measureDiscovery(builds, rounds, figures),
  code: async () => {
    await measureRunCode(shippedBuilds, rounds, figures);
    await measureBesideLoops(shippedBuilds, rounds, figures);
    await measureTask(shippedBuilds, rounds, figures);
  },
  finding: async () => print(`${await measureFinding(rounds, figures)}\n`),
  catalogs: async () => {
    const numbers = flags.quick ? { gateways: 3, servers: 6 } : { gateways: 15, servers: 34 };
    const program = shippedBuilds.find(({ name }) => name === "npm package");
    if (program !== undefined) await measureCatalogs(program, numbers, figures);
  },
  shared: async () => {
    const numbers = flags.quick
      ? { clients: 3, servers: 6, calls: 200 }
      : { clients: 15, servers: 34, calls: 2000 };
    const program = shippedBuilds.find(({ name }) => name === "npm package");
    if (program !== undefined) await measureShared(program, numbers, figures);
  },
  tokens: async () => print(`${await measureTokens(figures)}\n`),
  memory: () => measureMemory(shippedBuilds, flags.quick ? 0 : MEMORY_CALLS, figures),
};
for (const [name, measure] of Object.entries(parts)) {
  const isChosen = flags.only.length === 0 ? !CROWDS.includes(name) : flags.only.includes(name);
  if (!isChosen) continue;
  logProgress(name);
  await measure();
}
logProgress("done");
const rows = figures.rows(referenceOf);
print(formatTable(rows));
const { failures } = figures;
for (const message of failures) print(`\nNot measured: ${message}`);
const metadata = { machine: describeMachine(), options: Deno.args, rounds };
const text = JSON.stringify({ ...metadata, rows, failures }, null, 2);
await Deno.writeTextFile(flags.json, `${text}\n`);
print(`\nWritten to ${flags.json}`);
// Another gateway that failed may have left handles open, which must not keep this program running.
if (failures.length > 0) Deno.exit();
