import { folderOf, isWithin, resolvePath } from "../../config/mod.ts";
import { fieldsOf, isRecord } from "../../json.ts";
import {
  arePrivate,
  type DirectStart,
  findProgram,
  infoAt,
  type InstalledPath,
  type Launch,
  readIfThere,
  readObject,
  readStart,
} from "./launch.ts";
import { type NpmSettings, readNpmSettings, variableName } from "./npm_settings.ts";

/** A package that npx runs. */
interface NpxPackage {
  /** The name and the version, as written. */
  readonly spec: string;
  readonly name: string;
  readonly version: string;
  /** The arguments of the program. */
  readonly args: readonly string[];
  /** Whether npx may install it without asking, because of `-y`. */
  readonly yes: boolean;
}

/** The program `npx` of npm. */
interface Npm {
  /** The folder of npm. */
  readonly folder: string;
  readonly version: string;
  /** The Node.js program that runs it. */
  readonly node: string;
}

/** The versions of npm that this file follows. */
const KNOWN_MAJOR_VERSIONS = /^1[012]\./;

/** A package with an exact version, as npm writes both. */
const EXACT_SPEC =
  /^((?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*)@((?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[0-9A-Za-z.-]+)?)$/;

/** The first line of a program for Node.js. */
const NODE_SCRIPT = /^#!\/usr\/bin\/env node\n/;

/**
 * Finds the program that `npx PACKAGE@VERSION` runs from its cache. npx looks for the package in other folders first, so
 * none of them may have it.
 *
 * @see {@link https://github.com/npm/cli/blob/latest/workspaces/libnpmexec/lib/index.js}
 */
export async function findNpxStart(launch: Launch): Promise<DirectStart | undefined> {
  const { env, cwd } = launch;
  const requested = readArgs(launch.args);
  if (requested === undefined) return undefined;
  const [npm, projectFolder] = await Promise.all([findNpm(launch), findProject(cwd, requested)]);
  if (npm === undefined || projectFolder === undefined) return undefined;
  const settings = await readNpmSettings({
    env,
    npmFolder: npm.folder,
    nodeFolder: folderOf(npm.node),
    projectFolder,
  });
  if (settings === undefined || await isGlobal(settings.prefix, requested)) return undefined;
  const installed = await findInstalled(requested, settings);
  if (installed === undefined) return undefined;
  const { binFolder, program } = installed;
  const folders = foldersUpFrom(cwd).map((folder) => resolvePath(folder, "node_modules/.bin"));
  return {
    command: `${binFolder}/${program}`,
    args: requested.args,
    env: {
      ...env,
      ...settings.variables,
      ...await createNpmVariables(npm, env),
      ...(requested.yes ? { npm_config_yes: "true" } : {}),
      PATH: [binFolder, ...folders, scriptFolderOf(npm.folder), env["PATH"]].join(":"),
      npm_config_global_prefix: settings.prefix,
      npm_config_local_prefix: projectFolder,
      npm_lifecycle_script: `'${program}'`,
      npm_package_json: resolvePath(cwd, "package.json"),
      INIT_CWD: cwd,
      PWD: cwd,
    },
  };
}

/** Reads the arguments of npx; `undefined` if they are not `[-y] PACKAGE@VERSION ...`. */
function readArgs(args: readonly string[]): NpxPackage | undefined {
  const at = args.findIndex((arg) => !/^(?:-y|--yes)$/.test(arg));
  const spec = args[at] ?? "";
  const [, name, version] = EXACT_SPEC.exec(spec) ?? [];
  if (name === undefined || version === undefined) return undefined;
  return { spec, name, version, args: args.slice(at + 1), yes: at > 0 };
}

/** Finds npm's own npx, of a known version, and its Node.js; `undefined` for any other program with that name. */
async function findNpm({ command, env }: Launch): Promise<Npm | undefined> {
  const [script, node] = await Promise.all([
    findProgram(command, env),
    findProgram("node", env),
  ]);
  if (script === undefined || node === undefined) return undefined;
  if (!script.endsWith("/npm/bin/npx-cli.js") || !/\/node(?:js)?$/.test(node)) return undefined;
  const folder = resolvePath(script, "../..");
  const [{ name, version }, scripts, firstLine, isNodeScript] = await Promise.all([
    readObject(`${folder}/package.json`),
    // Some distributions install the packages of npm elsewhere.
    infoAt(scriptFolderOf(folder)),
    readStart(script),
    // Version managers have a script with this name, which runs another program.
    readStart(node).then((start) => start.startsWith("#!")),
  ]);
  const isKnown = name === "npm" && typeof version === "string" && scripts !== undefined &&
    KNOWN_MAJOR_VERSIONS.test(version) && NODE_SCRIPT.test(firstLine) && !isNodeScript;
  return isKnown ? { folder, version, node } : undefined;
}

/** Returns the folder of programs that npm adds to the search path. */
function scriptFolderOf(npm: string): string {
  return `${npm}/node_modules/@npmcli/run-script/lib/node-gyp-bin`;
}

/**
 * Finds the folder that npm takes for the project: the nearest one with a package.json or node_modules.
 *
 * @returns `undefined` if npx may find the package there, or if the project has workspaces.
 */
async function findProject(
  cwd: string,
  { spec, name }: NpxPackage,
): Promise<string | undefined> {
  const folders = foldersUpFrom(cwd);
  const found = await Promise.all(folders.map(async (folder) => {
    const [manifest, modules, bin] = await Promise.all([
      readIfThere(resolvePath(folder, "package.json")),
      infoAt(resolvePath(folder, "node_modules")),
      infoAt(resolvePath(folder, "node_modules/.bin", spec)),
    ]);
    const fields: unknown = manifest === undefined ? {} : JSON.parse(manifest);
    const isUnclear = !isRecord(fields) || bin !== undefined || "workspaces" in fields ||
      fields["name"] === name || spec in fieldsOf(fields["bin"]);
    const hasModules = modules?.isDirectory === true;
    return { folder, isUnclear, hasModules, isProject: manifest !== undefined || hasModules };
  }));
  if (found.some(({ isUnclear }) => isUnclear)) return undefined;
  const project = found.find(({ isProject }) => isProject);
  if (project?.hasModules !== true) return project?.folder ?? cwd;
  const modules = resolvePath(project.folder, "node_modules");
  // npm's list of all packages there. Other package managers write none.
  const list = await readIfThere(`${modules}/.package-lock.json`);
  const mayBeInProject = list?.includes(`node_modules/${name}"`) !== false ||
    await infoAt(`${modules}/${name}`) !== undefined;
  return mayBeInProject ? undefined : project.folder;
}

/** Whether the package is installed globally, where npx would prefer it. */
async function isGlobal(prefix: string, { name, spec }: NpxPackage): Promise<boolean> {
  const [folder, bin] = await Promise.all([
    infoAt(`${prefix}/lib/node_modules/${name}`),
    infoAt(`${prefix}/bin/${spec}`),
  ]);
  return folder !== undefined || bin !== undefined;
}

/**
 * Finds a package in the cache of npx.
 *
 * @returns The folder of its programs, and the name of the one to run; `undefined` if its installation is incomplete or
 * differs from what npm installs.
 */
async function findInstalled(
  { spec, name, version }: NpxPackage,
  { cache, home }: NpmSettings,
): Promise<{ readonly binFolder: string; readonly program: string } | undefined> {
  const root = `${cache}/_npx/${await nameCacheFolder(spec)}`;
  const modules = `${root}/node_modules`;
  const folder = `${modules}/${name}`;
  const binFolder = `${modules}/.bin`;
  if (await infoAt(root) === undefined) return undefined;
  const [{ _npx: npxRequest, dependencies }, list, lock, manifest] = await Promise.all([
    readObject(`${root}/package.json`),
    // npm writes the list of packages when everything is installed.
    infoAt(`${modules}/.package-lock.json`),
    infoAt(`${root}/concurrency.lock`),
    readObject(`${folder}/package.json`),
  ]);
  const isComplete = list !== undefined && lock === undefined &&
    // npm 10 does not write the request.
    (npxRequest === undefined || hasOnly(fieldsOf(npxRequest)["packages"], spec)) &&
    hasOnly(Object.keys(fieldsOf(dependencies)), name);
  if (!isComplete || manifest["name"] !== name || manifest["version"] !== version) return undefined;
  const bin = chooseBin(name, manifest["bin"]);
  if (bin === undefined) return undefined;
  const [program, path] = bin;
  const file = await Deno.realPath(resolvePath(folder, path));
  const realFolder = await Deno.realPath(folder);
  const { isFile, mode } = await Deno.stat(file);
  const isExpected = isFile && ((mode ?? 0) & 0o100) !== 0 && isWithin(file, realFolder) &&
    await Deno.realPath(`${binFolder}/${program}`) === file &&
    NODE_SCRIPT.test(await readStart(file));
  if (!isExpected) return undefined;
  const foldersOfFile = foldersUpFrom(folderOf(file)).filter((each) => isWithin(each, realFolder));
  const folders = [
    await Deno.realPath(cache),
    `${cache}/_npx`,
    root,
    modules,
    binFolder,
    folderOf(folder),
    folder,
    ...foldersOfFile,
  ];
  const paths: InstalledPath[] = [
    ...folders.map((path) => ({ path, kind: "folder" }) as const),
    { path: `${folder}/package.json`, kind: "file" },
    { path: file, kind: "file" },
  ];
  return await arePrivate(paths, home) ? { binFolder, program } : undefined;
}

function hasOnly(list: unknown, item: string): boolean {
  return Array.isArray(list) && list.length === 1 && list[0] === item;
}

/** Returns the name of a package's folder in the cache of npx: a hash. */
async function nameCacheFolder(spec: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-512", new TextEncoder().encode(spec));
  return new Uint8Array(digest).toHex().slice(0, 16);
}

/** Returns the program that npx runs of a package, with its file; `undefined` if npx would refuse. */
function chooseBin(
  name: string,
  bin: unknown,
): readonly [program: string, path: string] | undefined {
  const ownName = name.replace(/^@[^/]+\//, "");
  const bins = Object.entries(typeof bin === "string" ? { [ownName]: bin } : fieldsOf(bin));
  const isSingle = new Set(bins.map(([, path]) => path)).size === 1;
  const [program, path] = (isSingle ? bins[0] : bins.find(([each]) => each === ownName)) ?? [];
  if (program === undefined || typeof path !== "string") return undefined;
  return /^[\w.-]+$/.test(program) ? [program, path] : undefined;
}

/** Returns the variables by which npm describes itself. */
async function createNpmVariables(
  { folder, version, node }: Npm,
  env: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const inherit = (key: string, value: string): Record<string, string> => {
    const name = variableName(key);
    return { [name]: env[name] || value };
  };
  return {
    ...inherit("user-agent", await userAgentOf(version, node)),
    ...inherit("npm-version", version),
    ...inherit("node-gyp", `${folder}/node_modules/node-gyp/bin/node-gyp.js`),
    npm_command: "exec",
    npm_execpath: `${folder}/bin/npm-cli.js`,
    npm_lifecycle_event: "npx",
    npm_node_execpath: node,
    NODE: node,
    COLOR: "0",
    EDITOR: env["EDITOR"] || env["VISUAL"] || "vi",
  };
}

/** Returns npm's description of itself. The version of Node.js is left out if its header file is not installed. */
async function userAgentOf(npmVersion: string, node: string): Promise<string> {
  const header = await readIfThere(resolvePath(node, "../../include/node/node_version.h"));
  const numbers = ["MAJOR", "MINOR", "PATCH"].map((part) => {
    return new RegExp(`^#define NODE_${part}_VERSION (\\d+)$`, "m").exec(header ?? "")?.[1];
  });
  const nodePart = numbers.includes(undefined) ? [] : [`node/v${numbers.join(".")}`];
  const cpu = Deno.build.arch === "x86_64" ? "x64" : "arm64";
  return [`npm/${npmVersion}`, ...nodePart, Deno.build.os, cpu, "workspaces/false"].join(" ");
}

function foldersUpFrom(folder: string): string[] {
  const parent = folderOf(folder);
  return parent === folder ? [folder] : [folder, ...foldersUpFrom(parent)];
}
