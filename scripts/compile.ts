/**
 * Builds the executable of this machine, `dist/agent-mcp-gateway`, from the bundle.
 *
 * With `--locked` it gets no more permissions than the present configuration needs; words that
 * follow are given to `permissions`, such as `--mcp-config FILE`.
 *
 * @module
 */

import { bundleGateway } from "./bundle.ts";
import { permissionFlags } from "./permissions.ts";

/** The program as one file. */
export const BUNDLE = "dist/agent-mcp-gateway.js";

/** What is to be built. */
export interface CompileOptions {
  /** The executable to write. */
  readonly output: string;
  /** The flags that restrict it; they cannot be changed later. */
  readonly permissions: readonly string[];
  /** The platform it is for, such as `aarch64-apple-darwin`; default: this one. */
  readonly target?: string;
}

/** The words after `deno` that build an executable. */
export function compileWords({ output, permissions, target }: CompileOptions): string[] {
  return [
    "compile",
    "--quiet",
    // The bundle needs neither settings nor packages, and its types have been checked.
    ...["--no-config", "--no-lock", "--no-check"],
    ...(target === undefined ? [] : ["--target", target]),
    ...["--output", output],
    ...permissions,
    BUNDLE,
  ];
}

/** The name of an executable on a platform. */
export function executableName(name: string, target: string = Deno.build.target): string {
  return target.includes("windows") ? `${name}.exe` : name;
}

/**
 * Builds an executable from the bundle, and sees that one of this platform is the gateway.
 *
 * @throws {Error} There is none; the message says what is missing. What was there stays.
 */
export async function compile(options: CompileOptions): Promise<void> {
  const { output, target = Deno.build.target } = options;
  const isOurs = target === Deno.build.target;
  const draft = executableName(`${output.replace(/\.exe$/, "")}.draft`, target);
  const env = Deno.env.toObject();
  // It names the runtime of this platform; in another's executable it could not run.
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
denort ${Deno.version.deno} for ${target} (the full deno does not serve).${named}
Deno downloads it from dl.deno.land. Where that cannot be reached, take denort-${target}.zip
of v${Deno.version.deno} from https://github.com/denoland/deno/releases, unpack it, and name it in DENORT_BIN.
Until then the bundle serves, with the same permissions, where Deno is installed:
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
 * Asks the gateway which permissions the present configuration needs.
 *
 * @param args What the gateway will be started with.
 * @throws {Error} The configuration cannot be used.
 */
export async function lockedPermissions(args: readonly string[]): Promise<string[]> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissionFlags(), BUNDLE, "permissions", "--json", ...args],
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("Without a configuration it cannot be known what to lock to.");
  const { flags, notes } = JSON.parse(new TextDecoder().decode(stdout)) as {
    flags: string[];
    notes: string[];
  };
  say([...flags, ...notes].join("\n"));
  return flags;
}

/** Prints a line: what a task says is for who runs it. */
export function say(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

/** Runs what a task is for; what goes wrong is told in words, and ends with 1. */
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
  // `deno task compile -- --locked` hands the dashes on.
  const [first, ...rest] = Deno.args.filter((word, index) => index > 0 || word !== "--");
  await runTask(async () => {
    if (first !== undefined && first !== "--locked") {
      throw new Error(`Unknown word ${JSON.stringify(first)}; there is --locked only.`);
    }
    await bundleGateway(BUNDLE);
    const permissions = first === undefined ? permissionFlags() : await lockedPermissions(rest);
    const output = `dist/${executableName("agent-mcp-gateway")}`;
    await compile({ output, permissions });
    say(`Wrote ${output}`);
  });
}
