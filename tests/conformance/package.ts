/** Runs the official conformance suite under Deno. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SERVERS_FOLDER = fileURLToPath(new URL("../servers/", import.meta.url));
const CONFORMANCE_PROGRAM = join(
  SERVERS_FOLDER,
  "node_modules/@modelcontextprotocol/conformance/dist/index.js",
);

/** Matches the summary of a scenario in which all checks passed. */
export const PASSED = /Passed: ([1-9]\d*)\/\1, 0 failed, 0 warnings/;

/** Runs the suite with the given arguments; returns its exit code and its whole output. */
export async function runConformance(
  ...args: string[]
): Promise<{ code: number; output: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-lock", CONFORMANCE_PROGRAM, ...args],
    cwd: dirname(CONFORMANCE_PROGRAM),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Returns the names of the suite's scenarios for servers or for clients. */
export async function listScenarios(role: "--server" | "--client"): Promise<string[]> {
  const { output } = await runConformance("list", role);
  const names = [...output.matchAll(/^ {2}- (\S+)/gm)].map(([, name = ""]) => name);
  if (names.length < 20) throw new Error(`No list of scenarios: ${output}`);
  return names;
}
