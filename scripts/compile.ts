/**
 * Builds the executable for this machine, `dist/agent-mcp-gateway`, from the bundle.
 *
 * With `--locked`, the executable gets only the permissions that the current configuration needs. Further
 * arguments, such as `--mcp-config FILE`, are passed to the gateway's command `permissions`.
 *
 * @module
 */

import { removeIfThere } from "../src/atomic_file.ts";
import { bundleGateway } from "./bundle.ts";
import { permissionFlags } from "./permissions.ts";

/** Path of the bundle, the whole program in one file. */
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
export function compileArguments({ output, permissions, target }: CompileOptions): string[] {
  return [
    "compile",
    "--quiet",
    // The bundle needs no settings and no packages, and the types of its source have been checked.
    ...["--no-config", "--no-lock", "--no-check"],
    ...(target === undefined ? [] : ["--target", target]),
    ...["--output", output],
    // The heap grows to twice what is in use before garbage is collected, and not to four times.
    "--v8-flags=--heap-growing-percent=100",
    ...permissions,
    BUNDLE,
  ];
}

/** Returns the file name of an executable on a platform. */
export function executableName(name: string, target: string = Deno.build.target): string {
  return target.includes("windows") ? `${name}.exe` : name;
}

/**
 * Builds an executable from the bundle, and checks that an executable for this platform starts the gateway.
 *
 * @throws {Error} The executable was not built; the message says what is missing. An earlier file is kept.
 */
export async function compile(options: CompileOptions): Promise<void> {
  const { output, target = Deno.build.target } = options;
  const isThisPlatform = target === Deno.build.target;
  const temporaryFile = executableName(`${output.replace(/\.exe$/, "")}.draft`, target);
  const env = Deno.env.toObject();
  // DENORT_BIN names a runtime for this platform only.
  if (!isThisPlatform) delete env["DENORT_BIN"];
  try {
    const args = compileArguments({ ...options, output: temporaryFile });
    const built = await runProgram(Deno.execPath(), args, env);
    if (!built.success) throw new Error(describeFailure(options, built.output, env["DENORT_BIN"]));
    if (
      isThisPlatform &&
      !(await runProgram(toAbsolutePath(temporaryFile), ["--help"], env)).output.includes(
        "agent-mcp-",
      )
    ) {
      throw new Error(
        describeFailure(options, "The built file does not run the gateway.", env["DENORT_BIN"]),
      );
    }
    await Deno.rename(temporaryFile, output);
  } finally {
    await removeIfThere(temporaryFile);
  }
}

async function runProgram(
  program: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ success: boolean; output: string }> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    env: { ...env, NO_COLOR: "1" },
    clearEnv: true,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { success, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

function describeFailure(
  { target = Deno.build.target, permissions }: CompileOptions,
  output: string,
  denortPath: string | undefined,
): string {
  const note = denortPath === undefined ? "" : ` DENORT_BIN names ${denortPath}.`;
  return `${output.replace(/\n*Stack backtrace:[^]*/, "").trim()}

Nothing was compiled for ${target}. An executable is made of the bundle and of Deno's base runtime,
denort ${Deno.version.deno} for ${target} (the full deno does not work).${note}
Deno downloads it from dl.deno.land. If that is not reachable, download denort-${target}.zip
of v${Deno.version.deno} from https://github.com/denoland/deno/releases, unpack it, and set DENORT_BIN to its path.
Until then, use the bundle with the same permissions if Deno is installed:
  deno run ${permissions.map(quoteWord).join(" ")} ${BUNDLE}`;
}

/** Quotes a word for a shell if it has characters that a shell interprets. */
function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function toAbsolutePath(path: string): string {
  return /^([/\\]|[A-Za-z]:)/.test(path) ? path : `${Deno.cwd()}/${path}`;
}

/**
 * Returns the permission flags that the current configuration needs, as reported by the gateway's command
 * `permissions`. Prints them and their notes.
 *
 * @param args The arguments that the gateway will be started with.
 * @throws {Error} The configuration cannot be used.
 */
export async function findLockedPermissions(args: readonly string[]): Promise<string[]> {
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
  print([...flags, ...notes].join("\n"));
  return flags;
}

/** Prints a line of a task's result. */
export function print(line: string): void {
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
  const [option, ...gatewayArgs] = Deno.args.filter((word, index) => index > 0 || word !== "--");
  await runTask(async () => {
    if (option !== undefined && option !== "--locked") {
      throw new Error(`Unknown argument ${JSON.stringify(option)}: the only option is --locked`);
    }
    await bundleGateway(BUNDLE);
    const permissions = option === undefined
      ? permissionFlags()
      : await findLockedPermissions(gatewayArgs);
    const output = `dist/${executableName("agent-mcp-gateway")}`;
    await compile({ output, permissions });
    print(`Wrote ${output}`);
  });
}
