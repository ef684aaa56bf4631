import { folderOf, nameOf, resolvePath } from "./file_path.ts";
import { programName, readPackageRun } from "./server_program.ts";

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

/** A start of this program by a command. */
export interface Start {
  /** The arguments for this program. */
  readonly args: readonly string[];
  /** The working folder. */
  readonly cwd: string;
}

/** Recognizes a command that starts this program in one of the usual ways; undefined for others. */
export function findStart(
  words: readonly string[],
  { cwd, program }: { readonly cwd: string; readonly program: Program },
): Start | undefined {
  const [command = "", ...args] = isShell(words) ? words.slice(2) : words;
  const name = programName(command);
  if (name === "agent-mcp-gateway") return { args, cwd };
  if (program.executable !== undefined && resolvePath(cwd, command) === program.executable) {
    return { args, cwd };
  }
  const run = readPackageRun(words);
  if (run !== undefined) {
    if (isPackage(run.spec) || isPackage(run.program)) return { args: run.rest, cwd };
    // `npx -y deno run ...`
    const isDeno = /^deno(?:@|$)/.test(run.program);
    return isDeno ? findStart(["deno", ...run.rest], { cwd, program }) : undefined;
  }
  if (name === "deno" && args[0] === "task") return findTask(args.slice(1), cwd, program);
  if (!["deno", "node", "bun"].includes(name)) return undefined;
  const script = args.findIndex((arg) => isScript(arg, cwd, program) || isPackage(arg));
  return script < 0 ? undefined : { args: args.slice(script + 1), cwd };
}

/** Detects `cmd /c npx ...`, which is common in configurations for Windows. */
function isShell([command = "", flag = ""]: readonly string[]): boolean {
  return /(?:^|[/\\])cmd(?:\.exe)?$/i.test(command) && /^\/c$/i.test(flag);
}

function isPackage(name: string): boolean {
  return /^(?:npm:)?(?:(?:@[^/]+\/)?agent-mcp-gateway|@agent-mcp-gateway\/gateway)(?:@.*)?$/
    .test(name);
}

/** Recognizes `deno task start ...` in the folder of this program. */
function findTask(args: readonly string[], cwd: string, program: Program): Start | undefined {
  let folder = cwd;
  for (const [at, arg] of args.entries()) {
    const [, flag, value = args[at + 1] ?? ""] = /^(--cwd|--config|-c)(?:=(.*))?$/.exec(arg) ?? [];
    if (flag !== undefined) folder = resolvePath(cwd, value, flag === "--cwd" ? "." : "..");
    if (arg !== "start" && arg !== "dev") continue;
    return isRoot(folder, program) ? { args: args.slice(at + 1), cwd: folder } : undefined;
  }
  return undefined;
}

function isScript(arg: string, cwd: string, program: Program): boolean {
  if (!/\.[jt]s$/.test(arg)) return false;
  const path = resolvePath(cwd, pathOf(arg) ?? arg);
  if (nameOf(path) === "agent-mcp-gateway.js") return true;
  const root = folderOf(folderOf(path));
  return path === resolvePath(root, "src", "main.ts") && isRoot(root, program);
}

function isRoot(folder: string, program: Program): boolean {
  return folder === program.root || nameOf(folder) === "agent-mcp-gateway";
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
