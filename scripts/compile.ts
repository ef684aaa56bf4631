/**
 * Builds the executable of this machine, `dist/agent-mcp-gateway`, from the bundle.
 *
 * With `--locked`, it gets only the permissions that the current configuration needs. Further
 * arguments are passed to the command `permissions`, such as `--mcp-config FILE`.
 *
 * @module
 */

import { bundleGateway } from "./bundle.ts";
import { permissionFlags } from "./permissions.ts";

/** Path of the program as one file. */
export const BUNDLE = "dist/agent-mcp-gateway.js";

/** Options of an executable. */
export interface CompileOptions {
  /** The executable to write. */
  readonly output: string;
  /** Permission flags of the executable; they cannot be changed later. */
  readonly permissions: readonly string[];
  /** The platform, such as `aarch64-apple-darwin`; default: this one. */
  readonly target?: string;
}

/** Returns the arguments of `deno` that build an executable. */
export function compileWords({ output, permissions, target }: CompileOptions): string[] {
  return [
    "compile",
    "--quiet",
    // The bundle needs no settings and no packages, and its types have been checked.
    ...["--no-config", "--no-lock", "--no-check"],
    ...(target === undefined ? [] : ["--target", target]),
    ...["--output", output],
    ...permissions,
    BUNDLE,
  ];
}

/** Returns the file name of an executable on a platform. */
export function executableName(name: string, target: string = Deno.build.target): string {
  return target.includes("windows") ? `${name}.exe` : name;
}

/**
 * Builds an executable from the bundle, and tests that one for this platform runs the gateway.
 *
 * @throws {Error} Nothing was built; the message says what is missing. An earlier file is kept.
 */
export async function compile(options: CompileOptions): Promise<void> {
  const { output, target = Deno.build.target } = options;
  const isOurs = target === Deno.build.target;
  const draft = executableName(`${output.replace(/\.exe$/, "")}.draft`, target);
  const env = Deno.env.toObject();
  // It names the runtime of this platform, which cannot run on another one.
  if (!isOurs) delete env["DENORT_BIN"];
  try {
    const words = compileWords({ ...options, output: draft });
    const built = await run(Deno.execPath(), words, env);
    if (!built.success) throw new Error(explain(target, built.said, env["DENORT_BIN"]));
    if (isOurs && !(await run(absolute(draft), ["--help"], env)).said.includes("agent-mcp-")) {
      throw new Error(
        explain(target, "What was built does not run the gateway.", env["DENORT_BIN"]),
      );
    }
    await Deno.rename(draft, output);
  } finally {
    await removeIfThere(draft);
  }
}

async function run(
  program: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ success: boolean; said: string }> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    env: { ...env, NO_COLOR: "1" },
    clearEnv: true,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { success, said: decoder.decode(stdout) + decoder.decode(stderr) };
}

function explain(target: string, said: string, given: string | undefined): string {
  const named = given === undefined ? "" : ` DENORT_BIN names ${given}.`;
  return `${said.replace(/\n*Stack backtrace:[^]*/, "").trim()}

Nothing was compiled for ${target}. An executable is made of the bundle and of Deno's base runtime,
denort ${Deno.version.deno} for ${target} (the full deno does not work).${named}
Deno downloads it from dl.deno.land. If that is not reachable, download denort-${target}.zip
of v${Deno.version.deno} from https://github.com/denoland/deno/releases, unpack it, and set DENORT_BIN to its path.
Until then, use the bundle with the same permissions if Deno is installed:
  deno run ${permissionFlags().join(" ")} ${BUNDLE}`;
}

function absolute(path: string): string {
  return /^([/\\]|[A-Za-z]:)/.test(path) ? path : `${Deno.cwd()}/${path}`;
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Asks the gateway which permissions the current configuration needs.
 *
 * @param args The arguments that the gateway will be started with.
 * @throws {Error} The configuration cannot be used.
 */
export async function lockedPermissions(args: readonly string[]): Promise<string[]> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissionFlags(), BUNDLE, "permissions", "--json", ...args],
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (!success) {
    throw new Error("--locked needs a valid configuration: fix the errors above");
  }
  const { flags, notes } = JSON.parse(new TextDecoder().decode(stdout)) as {
    flags: string[];
    notes: string[];
  };
  say([...flags, ...notes].join("\n"));
  return flags;
}

/** Prints a line of a task's output. */
export function say(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

/** Runs a task and exits; prints the message of an error and exits with 1. */
export async function runTask(task: () => Promise<void>): Promise<never> {
  try {
    await task();
  } catch (error) {
    // deno-lint-ignore no-console
    console.error(error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
  Deno.exit(0);
}

if (import.meta.main) {
  // `deno task compile -- --locked` passes the dashes on.
  const [first, ...rest] = Deno.args.filter((word, index) => index > 0 || word !== "--");
  await runTask(async () => {
    if (first !== undefined && first !== "--locked") {
      throw new Error(`Unknown argument ${JSON.stringify(first)}: the only option is --locked`);
    }
    await bundleGateway(BUNDLE);
    const permissions = first === undefined ? permissionFlags() : await lockedPermissions(rest);
    const output = `dist/${executableName("agent-mcp-gateway")}`;
    await compile({ output, permissions });
    say(`Wrote ${output}`);
  });
}
