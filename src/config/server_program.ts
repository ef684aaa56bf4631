/** A command that downloads a package and runs it. */
export interface PackageRun {
  /** The runner without its folder and extension, such as `npx`. */
  readonly runner: string;
  /** The package as written, with its version. */
  readonly spec: string;
  /** The program of the package as written; often the package itself. */
  readonly program: string;
  /** The arguments after the program. */
  readonly programArgs: readonly string[];
}

/** The program or address behind a server, read from its entry. */
export interface ServerProgram {
  /** The kind of the program. */
  readonly kind: "package" | "image" | "program" | "remote server";
  /** A package without version, an image, a file, or a host with its path. */
  readonly name: string;
}

interface Runner {
  /** The alternative words between the runner and the package. */
  readonly commands: readonly (readonly string[])[];
  /** Flags that name the package, if its program has another name. */
  readonly packageFlags: readonly string[];
  /** Further flags that are followed by a value. */
  readonly valueFlags: readonly string[];
}

const NPM = {
  packageFlags: ["-p", "--package"],
  valueFlags: [
    ...["-c", "--call", "-w", "--workspace", "--registry", "--cache", "--prefix"],
    ...["--userconfig", "--loglevel"],
  ],
};

const UV = {
  packageFlags: ["--from"],
  valueFlags: [
    ...["-p", "--python", "-w", "--with", "--with-editable", "--with-requirements"],
    ...["-i", "--index-url", "--index", "--default-index", "--extra-index-url"],
    ...["-f", "--find-links", "-c", "--constraints", "--overrides", "--env-file", "--prerelease"],
    ...["--cache-dir", "--directory", "--project", "--config-file", "--resolution"],
    ...["-P", "--upgrade-package", "--refresh-package", "--exclude-newer"],
  ],
};

/** The programs that download a package and run it. */
const RUNNERS: Readonly<Record<string, Runner>> = {
  npx: { ...NPM, commands: [[]] },
  pnpx: { ...NPM, commands: [[]] },
  bunx: { ...NPM, commands: [[]] },
  npm: { ...NPM, commands: [["exec"], ["x"]] },
  pnpm: { ...NPM, commands: [["dlx"]] },
  yarn: { ...NPM, commands: [["dlx"]] },
  bun: { ...NPM, commands: [["x"]] },
  uvx: { ...UV, commands: [[]] },
  uv: { ...UV, commands: [["tool", "run"]] },
  pipx: {
    commands: [["run"]],
    packageFlags: ["--spec"],
    valueFlags: ["--python", "--pip-args", "-i", "--index-url"],
  },
};

/** Programs that run a file or a module. */
const INTERPRETERS = /^(?:node|bun|tsx|deno|python[\d.]*|py|uv|ruby|java|sh|bash|dotnet)$/;

/** Flags of interpreters that are followed by a value. */
export const INTERPRETER_FLAGS: ReadonlySet<string> = new Set([
  ...["-r", "--require", "--import", "--loader", "-c", "--config", "--import-map", "--env-file"],
  ...["--directory", "--project", "--with", "--python", "-p", "--from", "-W", "-X"],
]);

/** Flags of `docker run` that are followed by a value. */
const CONTAINER_FLAGS = new Set([
  ...["-e", "--env", "--env-file", "-v", "--volume", "--mount", "--name", "--network", "--net"],
  ...["-u", "--user", "-w", "--workdir", "--entrypoint", "--add-host", "-p", "--publish"],
  ...["-l", "--label", "-m", "--memory", "--cpus", "--platform", "--pull", "--restart"],
  ...["-h", "--hostname", "--gpus", "--device", "--cap-add", "--cap-drop", "--security-opt"],
  ...["--tmpfs", "--ulimit", "--pids-limit", "--shm-size", "--ipc", "--dns"],
  ...["--log-driver", "--log-opt", "--group-add", "--userns", "--cidfile", "--volumes-from"],
  ...["-a", "--attach", "--stop-signal", "--stop-timeout", "--annotation", "--runtime", "--sysctl"],
]);

/** A command that runs a container. */
export interface ContainerRun {
  /** The image, or the container of `exec`, as written. */
  readonly image: string;
  /** The words between `run` and the image. */
  readonly flags: readonly string[];
  /** The words after the image. */
  readonly args: readonly string[];
}

/** Parses `docker run` and `docker exec` and their siblings; undefined for other commands. */
export function readContainerRun([command = "", ...args]: readonly string[]):
  | ContainerRun
  | undefined {
  if (!/^(?:docker|podman|nerdctl)$/.test(programName(command))) return undefined;
  const words = args.slice(args.findIndex((arg) => arg === "run" || arg === "exec") + 1);
  const [at] = positionalIndexes(words, CONTAINER_FLAGS);
  return at === undefined
    ? undefined
    : { image: words[at] ?? "", flags: words.slice(0, at), args: words.slice(at + 1) };
}

/** Returns a program's name without folder and extension, such as `npx` for `C:\npm\npx.cmd`. */
export function programName(command: string): string {
  return lastPart(command).toLowerCase().replace(/\.(?:exe|cmd|bat)$/, "");
}

/** Parses a command that downloads a package and runs it, such as `npx`; undefined for others. */
export function readPackageRun(words: readonly string[]): PackageRun | undefined {
  const [command = "", ...args] = unwrap(words);
  const name = programName(command);
  const runner = Object.hasOwn(RUNNERS, name) ? RUNNERS[name] : undefined;
  if (runner === undefined) return undefined;
  const flags = new Set([...runner.packageFlags, ...runner.valueFlags]);
  const positions = positionalIndexes(args, flags);
  for (const verbs of runner.commands) {
    if (!verbs.every((word, at) => args[positions[at] ?? -1] === word)) continue;
    const at = positions[verbs.length];
    const program = at === undefined ? undefined : args[at];
    const spec = flagValue(args.slice(0, at), runner.packageFlags) ?? program;
    if (spec === undefined) continue;
    return {
      runner: name,
      spec: spec.replace(/^npm:/, ""),
      program: program ?? spec,
      programArgs: at === undefined ? [] : args.slice(at + 1),
    };
  }
  return undefined;
}

/** Whether a command downloads the program that it runs, unless the program is cached. */
export function downloadsProgram(words: readonly string[]): boolean {
  if (readPackageRun(words) !== undefined) return true;
  const [command = "", ...args] = unwrap(words);
  const name = programName(command);
  return (name === "uv" || name === "docker" || name === "podman") && args.includes("run");
}

/**
 * Names the program behind an entry of a servers file: the package that `npx` or `uvx` runs, the
 * image of a container, the script of an interpreter, or the host of a remote server. Leaves out
 * versions and arguments, so that the name contains no secret.
 */
export function programOf(
  { command, args, url }: {
    readonly command?: unknown;
    readonly args?: unknown;
    readonly url?: unknown;
  },
): ServerProgram {
  if (typeof command !== "string") {
    const { host, pathname } = URL.parse(String(url)) ?? { host: "", pathname: "" };
    // Some addresses contain a key in their path.
    const parts = pathname.split("/").map((part) => part.length > 20 ? "…" : part);
    return { kind: "remote server", name: host + parts.join("/").replace(/\/$/, "") || "remote" };
  }
  const words = [command, ...(Array.isArray(args) ? args.map(String) : [])];
  return programIn(words) ?? { kind: "program", name: lastPart(command) };
}

function programIn(words: readonly string[]): ServerProgram | undefined {
  const run = readPackageRun(words);
  if (run !== undefined) return { kind: "package", name: packageName(run.spec) };
  const [command = "", ...args] = unwrap(words);
  const name = programName(command);
  if (name === "docker" || name === "podman") {
    const image = readContainerRun([command, ...args])?.image;
    return image === undefined
      ? undefined
      : { kind: "image", name: image.replace(/:[\w.-]+$/, "") };
  }
  if (INTERPRETERS.test(name)) return scriptIn(args);
  return words[0] === command ? undefined : { kind: "program", name: lastPart(command) };
}

/** Removes a leading `cmd /c`, and a leading `env` with its variables. */
function unwrap(words: readonly string[]): readonly string[] {
  const [command = "", ...args] = words;
  const name = programName(command);
  if (name === "cmd" && /^\/c$/i.test(args[0] ?? "")) return unwrap(args.slice(1));
  const at = name === "env" ? args.findIndex((arg) => !/^-|=/.test(arg)) : -1;
  return at < 0 ? words : unwrap(args.slice(at));
}

/** Returns the name of a package without its version. */
export function packageName(spec: string): string {
  return spec.replace(/^(?:npm|jsr):/, "").replace(/(?<=.)(?:@|==|>=|~=).*$/, "");
}

function scriptIn(args: readonly string[]): ServerProgram | undefined {
  const module = args.indexOf("-m");
  const words = module >= 0 ? [args[module + 1] ?? ""] : args.filter((arg) => arg !== "run");
  const word = firstWord(words, INTERPRETER_FLAGS);
  if (word === undefined) return undefined;
  return /^(?:npm|jsr):/.test(word)
    ? { kind: "package", name: packageName(word) }
    : nameScript(word);
}

/** Names of files and folders that say nothing about their content. */
const GENERIC_NAME =
  /^(?:index|main|server|cli|app|bin|run|start|__main__|dist|build|src|lib|out)$/i;

/** Names a script by its package, or by the last part of its path that is not generic. */
function nameScript(path: string): ServerProgram {
  const parts = path.split(/[/\\]/).filter((part) => part !== "");
  const packageIndex = parts.lastIndexOf("node_modules") + 1;
  if (packageIndex > 0 && packageIndex < parts.length) {
    const length = parts[packageIndex]?.startsWith("@") ? 2 : 1;
    return { kind: "package", name: parts.slice(packageIndex, packageIndex + length).join("/") };
  }
  const specificPart = parts.findLast((part) => !GENERIC_NAME.test(part.replace(/\.[a-z]+$/i, "")));
  return { kind: "program", name: specificPart ?? lastPart(path) };
}

/** Returns the value of the first of some flags, written `--flag value` or `--flag=value`. */
export function flagValue(args: readonly string[], flags: readonly string[]): string | undefined {
  for (const [at, arg] of args.entries()) {
    const [flag = "", ...value] = arg.split("=");
    if (flags.includes(flag)) return value.length > 0 ? value.join("=") : args[at + 1];
  }
  return undefined;
}

/** Returns the indexes of the words that are neither flags nor values of flags. */
function positionalIndexes(args: readonly string[], valueFlags: ReadonlySet<string>): number[] {
  const positions: number[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (valueFlags.has(arg)) at++;
    else if (!arg.startsWith("-")) positions.push(at);
  }
  return positions;
}

function firstWord(args: readonly string[], valueFlags: ReadonlySet<string>): string | undefined {
  const [at] = positionalIndexes(args, valueFlags);
  return at === undefined ? undefined : args[at];
}

function lastPart(path: string): string {
  return path.split(/[/\\]/).findLast((part) => part !== "") ?? path;
}
