import { parseArgs } from "node:util";
import type { MeasuredProgram } from "./measured_programs.ts";
import { MAPPINGS } from "./mappings.ts";
import { pairPeerOptions, readOtherGateways } from "./other_gateways.ts";

/** The parts of the benchmark that can be run alone. */
export const PARTS = [
  "calls",
  "large",
  "start",
  "records",
  "denials",
  "http",
  "revisions",
  "discovery",
  "code",
  "finding",
  "tokens",
  "catalogs",
  "shared",
  "memory",
] as const;

/** A part of the benchmark. */
export type Part = typeof PARTS[number];

const HELP = `Usage: deno task bench [options]

  --quick                     fewer rounds, and memory without the million calls
  --only PART                 one part; may be repeated: ${PARTS.join(", ")}
                              (catalogs and shared start hundreds of processes, and run only if they are named)
  --share 0.1                 make a tenth of the calls of the part "calls"
  --profile                   only show where the time of a call goes
  --json FILE                 write the figures to FILE; default: dist/bench.json
  --peer NAME                 also measure another gateway: ${Object.keys(MAPPINGS).join(", ")},
                              or a JSON file that describes one
  --peer "COMMAND" --mapping NAME
                              also measure the gateway of a mapping, started
                              with another command; see docs/performance.md`;

/** The parsed command line. */
export interface BenchOptions {
  readonly flags: {
    readonly quick: boolean;
    readonly json: string;
    readonly only: readonly string[];
    readonly profile: boolean;
  };
  /** Share of the calls of the part `calls` to make, from 0 to 1. */
  readonly share: number;
  readonly otherGateways: readonly MeasuredProgram[];
}

/** Parses the command line; returns a message and an exit code for an error or `--help`. */
export function parseBenchOptions(
  args: readonly string[],
): BenchOptions | { readonly message: string; readonly exitCode: number } {
  try {
    const { values, tokens } = parseArgs({
      args: [...args],
      options: {
        help: { type: "boolean", default: false },
        quick: { type: "boolean", default: false },
        json: { type: "string", default: "dist/bench.json" },
        peer: { type: "string", multiple: true, default: [] },
        mapping: { type: "string", multiple: true, default: [] },
        only: { type: "string", multiple: true, default: [] },
        share: { type: "string", default: "1" },
        profile: { type: "boolean", default: false },
      },
      tokens: true,
    });
    if (values.help) return { message: HELP, exitCode: 0 };
    const share = Number(values.share);
    if (!(share > 0 && share <= 1)) {
      throw new Error(`--share must be above 0 and at most 1, found "${values.share}"`);
    }
    for (const name of values.only) {
      if (PARTS.some((part) => part === name)) continue;
      throw new Error(`There is no part "${name}": --only takes ${PARTS.join(", ")}`);
    }
    const errors: string[] = [];
    const otherGateways = readOtherGateways(
      pairPeerOptions(tokens),
      (message) => errors.push(message),
    );
    if (errors.length > 0) throw new Error(errors.join("\n"));
    return { flags: values, share, otherGateways };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { message: `${message}\n\n${HELP}`, exitCode: 2 };
  }
}
