import { realPathOf } from "../file_identity.ts";
import { type Environment, expandHome } from "./environment.ts";
import { folderOf, resolvePath } from "./file_path.ts";
import { type ContainerRun, INTERPRETER_FLAGS } from "./server_program.ts";
import { programName, readContainerRun, readPackageRun } from "./server_program.ts";
import { type ShellCommand, shellCommands } from "./shell_commands.ts";

/** Identifies this program, to recognize it in the command of a server. */
export interface Program {
  /** Path of the executable, if this program is compiled. */
  readonly executable?: string;
  /** The folder with `src/main.ts` and `dist/`, if this program runs from there. */
  readonly root?: string;
}

/** Identifies the running program. */
export function thisProgram(): Program {
  if (Deno.build.standalone) return { executable: Deno.execPath() };
  const main = pathOf(Deno.mainModule);
  return main === undefined ? {} : { root: folderOf(folderOf(main)) };
}

/** A command that starts this program. */
export interface GatewayRun {
  /** The arguments for this program. */
  readonly args: readonly string[];
  /** The working folder. */
  readonly cwd: string;
  /** Variables that the command sets, as `env NAME=value` does. */
  readonly variables: Readonly<Record<string, string>>;
  /** The container in which this program starts; its paths are not those of this machine. */
  readonly container?: ContainerRun;
}

/** The context in which a command runs. */
export interface CommandContext {
  /** The working folder. */
  readonly cwd: string;
  /** The program to recognize. */
  readonly program: Program;
  /** Variables that the surrounding commands set. */
  readonly variables?: GatewayRun["variables"];
  /** Number of surrounding commands. */
  readonly depth?: number;
}

/** Maximum length of a chain of commands that start each other, such as `cmd /c env A=b npx …`. */
const MAX_CHAIN_LENGTH = 4;

const PROGRAM_NAME = "agent-mcp-gateway";

/** The executable, also under the names of its releases. */
const EXECUTABLE =
  /^agent-mcp-gateway(?:[-_]v?\d[\w.]*)?(?:[-_](?:x86_64|x64|amd64|aarch64|arm64|linux|darwin|macos|windows|win)[\w.-]*)?$/;

/** Programs that run a JavaScript or TypeScript file. */
const RUNTIMES = /^(?:node(?:js)?[\d.]*|deno|bun|tsx|ts-node)$/;

const PACKAGE_MANAGERS = /^(?:npm|pnpm|yarn|bun|dx|deno)$/;

/** Programs whose arguments contain the command that they start. */
const WRAPPERS =
  /^(?:sudo|doas|nice|nohup|exec|time|timeout|stdbuf|setsid|caffeinate|volta|mise|asdf|fnm|op|doppler|dotenv|dotenvx|direnv|wsl|tini)$/;

/** Maximum number of a wrapper's arguments that are searched for the beginning of the command. */
const MAX_WRAPPER_WORDS = 8;

/** Words between a package manager and the program that it runs. */
const VERBS = new Set(["run", "x", "exec", "dlx"]);

/** Recognizes a command that starts this program in one of the usual ways; undefined for others. */
export function readGatewayRun(
  words: readonly string[],
  context: CommandContext,
): GatewayRun | undefined {
  const { cwd, program, variables = {}, depth = 0 } = context;
  const [command = "", ...args] = words;
  if (command === "" || depth > MAX_CHAIN_LENGTH) return undefined;
  const name = programName(command);
  const findInner = (inner: readonly string[], changes: Partial<CommandContext> = {}) =>
    readGatewayRun(inner, { ...context, ...changes, depth: depth + 1 });
  if (name === "env") {
    const [flag = "", text = ""] = args;
    // `env -S "program arguments"`
    if (/^(?:-S|--split-string)$/.test(flag)) {
      return findInner(["env", ...text.trim().split(/\s+/), ...args.slice(2)]);
    }
    const at = args.findIndex((arg) => !/^-|=/.test(arg));
    if (at < 0) return undefined;
    const assignments = args.slice(0, at).filter((arg) => /^\w+=/.test(arg))
      .map((arg) => arg.split(/=([^]*)/, 2));
    return findInner(args.slice(at), {
      variables: { ...variables, ...Object.fromEntries(assignments) },
    });
  }
  /** Searches the commands that a shell would run; the arguments in `appended` follow each. */
  const search = (commands: readonly ShellCommand[], appended: readonly string[] = []) => {
    for (const { words, folders } of commands) {
      const inner = findInner([...words, ...appended], { cwd: resolvePath(cwd, ...folders) });
      if (inner !== undefined) return inner;
    }
    return undefined;
  };
  const shellRun = search(shellCommands(name, args));
  if (shellRun !== undefined) return shellRun;
  const createRun = (ownArgs: readonly string[], folder = cwd): GatewayRun => ({
    args: ownArgs,
    cwd: folder,
    variables,
  });
  const path = resolvePath(cwd, command);
  if (EXECUTABLE.test(name) || path === program.executable) return createRun(args);
  const isRuntime = RUNTIMES.test(name);
  if (!isRuntime && /[/\\]/.test(command) && isProgramFile(path, program)) return createRun(args);
  const run = readPackageRun(words);
  if (run !== undefined) {
    if (isOwnSpec(run.spec) || isOwnPackage(run.program)) return createRun(run.programArgs);
    if (/^supergateway(?:@|$)/.test(run.program)) {
      return findInner(["supergateway", ...run.programArgs]);
    }
    // `npx -y deno run ...`
    if (/^deno(?:@|$)/.test(run.program)) return findInner(["deno", ...run.programArgs]);
  }
  if (name === "supergateway") {
    const at = args.findIndex((arg) => /^--stdio(?:=|$)/.test(arg));
    const text = args[at]?.replace(/^--stdio=?/, "") || args[at + 1];
    return search(shellCommands("sh", ["-c", text ?? ""]));
  }
  const container = readContainerRun(words);
  if (container !== undefined) {
    if (isOwnImage(container.image)) return { ...createRun(container.args), container };
    // `docker exec CONTAINER agent-mcp-gateway`
    const innerRun = args.includes("exec") ? findInner(container.args) : undefined;
    return innerRun === undefined ? undefined : { ...innerRun, container };
  }
  if (name === "deno" && args[0] === "task") {
    const task = findTask(args.slice(1), cwd, program);
    return task === undefined ? undefined : createRun(task.args, task.cwd);
  }
  const script = findScript(name, args, context);
  if (script !== undefined) return createRun(script);
  if (WRAPPERS.test(name)) {
    for (let at = 0; at < Math.min(args.length, MAX_WRAPPER_WORDS); at++) {
      const inner = findInner(args.slice(at));
      if (inner !== undefined) return inner;
    }
  }
  const dashIndex = isRuntime ? -1 : args.indexOf("--");
  if (dashIndex >= 0) return findInner(args.slice(dashIndex + 1));
  // The command may be a whole command line, which some clients pass to a shell.
  return /\S\s+\S/.test(command) ? search(shellCommands("sh", ["-c", command]), args) : undefined;
}

/**
 * Returns the path on this machine of a file that a container sees at `path`; undefined if the file
 * is the container's own.
 */
export function hostPathOf(
  { flags }: ContainerRun,
  { path, home }: { readonly path: string; readonly home: string | undefined },
): string | undefined {
  for (const [at, flag] of flags.entries()) {
    const [, name, attached] = /^(-v|--volume|--mount)(?:=(.*))?$/.exec(flag) ?? [];
    const value = attached ?? flags[at + 1] ?? "";
    if (name === undefined) continue;
    const field = (key: RegExp) =>
      value.split(",").find((part) => key.test(part))?.replace(key, "");
    const [source, target] = name === "--mount"
      ? [field(/^(?:source|src)=/), field(/^(?:target|dst|destination)=/)]
      : /^((?:[A-Za-z]:)?[^:]*):([^:]*)/.exec(value)?.slice(1) ?? [];
    if (source === undefined || target === undefined || !/[/\\]|^[.~]/.test(source)) continue;
    const folder = target.replace(/\/+$/, "");
    if (path !== folder && !path.startsWith(`${folder}/`)) continue;
    return expandHome(source, home) + path.slice(folder.length);
  }
  return undefined;
}

/** Returns the value of a variable that `docker run -e` sets; for `-e NAME`, it is the value in `env`. */
export function containerVariable(
  { flags }: ContainerRun,
  { name, env }: { readonly name: string; readonly env: Environment },
): string | undefined {
  for (const [at, flag] of flags.entries()) {
    const [, attached] = /^(?:-e|--env)(?:=(.*))?$/.exec(flag) ?? [undefined, undefined];
    if (!/^(?:-e|--env)(?:=|$)/.test(flag)) continue;
    const value = attached ?? flags[at + 1] ?? "";
    if (value === name) return env.get(name);
    if (value.startsWith(`${name}=`)) return value.slice(name.length + 1);
  }
  return undefined;
}

function isOwnPackage(name: string): boolean {
  return /^(?:(?:npm|jsr):)?(?:(?:@[^/]+\/)?agent-mcp-gateway|@agent-mcp-gateway\/gateway)(?:@.*)?$/
    .test(name);
}

/** Whether the package that a package runner gets, perhaps an archive or a repository, is this program. */
function isOwnSpec(spec: string): boolean {
  return isOwnPackage(spec) ||
    /[/:]agent-mcp-gateway(?:-[\w.-]+\.tgz|\.git)?(?:#.*)?$/.test(spec);
}

/** Whether an image, perhaps with a registry, a version or a digest, is this program's. */
function isOwnImage(image: string): boolean {
  return /(?:^|\/)agent-mcp-gateway(?::[\w.-]+)?(?:@.*)?$/.test(image);
}

/** Recognizes `deno task start ...` in the folder of this program. */
function findTask(
  args: readonly string[],
  cwd: string,
  program: Program,
): Pick<GatewayRun, "args" | "cwd"> | undefined {
  let folder = cwd;
  for (const [at, arg] of args.entries()) {
    const [, flag, value = args[at + 1] ?? ""] = /^(--cwd|--config|-c)(?:=(.*))?$/.exec(arg) ?? [];
    if (flag !== undefined) folder = resolvePath(cwd, value, flag === "--cwd" ? "." : "..");
    if (arg !== "start" && arg !== "dev") continue;
    return isProgramFolder(folder, program) ? { args: args.slice(at + 1), cwd: folder } : undefined;
  }
  return undefined;
}

/** Returns the arguments after this program, if a runtime or a package manager runs it. */
function findScript(
  name: string,
  args: readonly string[],
  { cwd, program }: CommandContext,
): readonly string[] | undefined {
  const isRuntime = RUNTIMES.test(name);
  const isManager = PACKAGE_MANAGERS.test(name);
  if (!isRuntime && !isManager) return undefined;
  for (const [at, arg] of args.entries()) {
    if (VERBS.has(arg)) continue;
    const followingArgs = args.slice(at + 1);
    if (isRuntime && !arg.startsWith("-") && isProgramFile(resolveScript(cwd, arg), program)) {
      return followingArgs;
    }
    if (isManager && isOwnPackage(arg)) return followingArgs;
    if (INTERPRETER_FLAGS.has(args[at - 1] ?? "") || arg.startsWith("-")) continue;
    // Another script or program, which gets all further arguments.
    if (/\.[cm]?[jt]sx?$|^(?:npm|jsr|file|https?):/.test(arg)) return undefined;
    if (name !== "deno") return undefined;
  }
  return undefined;
}

function resolveScript(cwd: string, arg: string): string {
  return resolvePath(cwd, pathOf(arg) ?? arg.replace(/[?#].*$/, ""));
}

/** Whether a file is this program: its bundle, npm's launcher or the source. Follows a link. */
function isProgramFile(path: string, program: Program): boolean {
  return isProgramPath(path, program) || isProgramPath(realPathOf(path), program);
}

function isProgramPath(path: string, program: Program): boolean {
  const parts = path.split(/[/\\]/);
  const name = parts.at(-1) ?? "";
  if (path === program.executable || EXECUTABLE.test(name.replace(/\.(?:[cm]?js|exe)$/, ""))) {
    return isNoFolder(path);
  }
  const root = path.slice(0, -name.length).replace(/[/\\]+$/, "");
  if (name === "launcher.cjs") return isProgramFolder(root, program);
  const [folder] = /^(?:src[/\\]main\.ts|scripts[/\\]dev\.ts)$/.exec(parts.slice(-2).join("/")) ??
    [];
  return folder !== undefined && isProgramFolder(root.replace(/[/\\]+[^/\\]*$/, ""), program);
}

/** Whether a path is not a folder: the folder of a clone also has the name of the program. */
function isNoFolder(path: string): boolean {
  try {
    return !Deno.statSync(path).isDirectory;
  } catch {
    // Not there, or not accessible: the name decides.
    return true;
  }
}

/** Whether a folder holds this program, by its name or by the name of the package in it. */
function isProgramFolder(folder: string, program: Program): boolean {
  return folder === program.root || folder.split(/[/\\]/).at(-1) === PROGRAM_NAME ||
    ["package.json", "deno.json"].some((file) =>
      isOwnPackage(readPackageName(`${folder}/${file}`))
    );
}

/** Returns the name in a package's file; empty if there is none. */
function readPackageName(path: string): string {
  try {
    const { name } = JSON.parse(Deno.readTextFileSync(path));
    return typeof name === "string" ? name : "";
  } catch {
    // A missing or unreadable file names no package.
    return "";
  }
}

/** Returns the path of a `file:` URL. */
function pathOf(address: string): string | undefined {
  const url = address.startsWith("file:") ? URL.parse(address) : null;
  try {
    return url === null
      ? undefined
      : decodeURIComponent(url.pathname).replace(/^\/([A-Za-z]:)/, "$1");
  } catch {
    // A `%` that does not begin an escape: the URL names no file.
    return undefined;
  }
}
