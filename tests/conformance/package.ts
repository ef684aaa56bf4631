/** Runs the official conformance suite under Deno. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { TempFolder } from "../config/temp_folder.ts";

const SERVERS_FOLDER = fileURLToPath(new URL("../servers/", import.meta.url));

/** The program of each release of the suite. */
const PROGRAMS = {
  "0.1.16": "@modelcontextprotocol/conformance/dist/index.js",
  "0.2.0-alpha.12": "conformance-next/dist/index.js",
} as const;

/** The newest revision of MCP with sessions. */
const REVISION = "2025-11-25";

/** Selects the scenarios of the revision without sessions. */
const STATELESS_ARGS = ["--requirements", "2026-07-28"];

/** A release of the suite. */
export type Release = keyof typeof PROGRAMS;

/** All releases that the tests run, the stable one first. */
export const RELEASES = Object.keys(PROGRAMS) as readonly Release[];

/** Matches the summary of a scenario in which all checks passed. */
export const PASSED = /Passed: ([1-9]\d*)\/\1, 0 failed, 0 warnings/;

/** Runs a release of the suite with the given arguments; returns its exit code and its whole output. */
export async function runRelease(
  release: Release,
  args: readonly string[],
): Promise<{ readonly code: number; readonly output: string }> {
  const program = join(SERVERS_FOLDER, "node_modules", PROGRAMS[release]);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-lock", program, ...args],
    cwd: dirname(program),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** A check of a scenario, as the suite writes it. */
export interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

/**
 * Runs all scenarios for servers, in one process.
 *
 * @returns The checks of each scenario, by its name. The summary that the suite prints leaves out warnings.
 */
export function runServerScenarios(
  release: Release,
  url: string,
): Promise<ReadonlyMap<string, readonly Check[]>> {
  return runServer(release, ["--url", url, "--suite", "all", "--spec-version", REVISION]);
}

/**
 * Runs scenarios of the revision without sessions for servers, in one process.
 *
 * @param selection The arguments that select the scenarios; default: all.
 * @returns The checks of each scenario, by its name.
 */
export function runStatelessScenarios(
  url: string,
  selection: readonly string[] = STATELESS_ARGS,
): Promise<ReadonlyMap<string, readonly Check[]>> {
  return runServer("0.2.0-alpha.12", ["--url", url, ...selection]);
}

async function runServer(
  release: Release,
  selection: readonly string[],
): Promise<ReadonlyMap<string, readonly Check[]>> {
  using folder = new TempFolder();
  const args = ["server", ...selection];
  const { output } = await runRelease(release, [...args, "--output-dir", folder.path]);
  const scenarios = [...Deno.readDirSync(folder.path)].map(({ name }): [string, Check[]] => {
    const [, scenario = ""] = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(name) ?? [];
    return [scenario, JSON.parse(Deno.readTextFileSync(join(folder.path, name, "checks.json")))];
  });
  if (scenarios.length === 0) throw new Error(`No scenario was run: ${output}`);
  return new Map(scenarios);
}

/** Returns the names of the scenarios for servers of the revision without sessions. */
export async function listStatelessScenarios(): Promise<string[]> {
  const { output } = await runRelease("0.2.0-alpha.12", ["list", "--server", ...STATELESS_ARGS]);
  const [servers = ""] = output.split("Client scenarios");
  return [...servers.matchAll(/^ {2}- (\S+)/gm)].map(([, name = ""]) => name);
}

/** Returns the names of the scenarios of a release for servers or for clients, up to the newest revision. */
export async function listScenarios(
  role: "--server" | "--client",
  release: Release = "0.1.16",
): Promise<string[]> {
  const { output } = await runRelease(release, ["list", role]);
  const entries = [...output.matchAll(/^ {2}- (\S+)(?: \[(.*)\])?/gm)];
  const names = entries
    .filter(([, , revisions = ""]) => role === "--client" || revisions.includes(REVISION))
    .map(([, name = ""]) => name);
  if (names.length < 20) throw new Error(`No list of scenarios: ${output}`);
  return names;
}

/** Returns the names of the scenarios for clients that a revision requires, and of those that are not scored. */
export async function listRequired(
  revision: string,
): Promise<{ readonly scored: readonly string[]; readonly others: readonly string[] }> {
  const { output } = await runRelease("0.2.0-alpha.12", ["list", "--requirements", revision]);
  const [, required = "", unscored = ""] =
    /\nClient scenarios[^]*?:\n([^]*?)\n\n([^]*)$/.exec(output) ?? [];
  const scored = [...required.matchAll(/^ {2}- (\S+)$/gm)].map(([, name = ""]) => name);
  const others = [...unscored.matchAll(/^ {4}- (\S+) \[client\]$/gm)].map(([, name = ""]) => name);
  if (scored.length < 20) throw new Error(`No list of scenarios: ${output}`);
  return { scored, others };
}
