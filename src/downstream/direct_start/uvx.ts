import { folderOf, isAbsolutePath, nameOf, resolvePath } from "../../config/mod.ts";
import {
  arePrivate,
  type DirectStart,
  findProgram,
  infoAt,
  type InstalledPath,
  type Launch,
  readIfThere,
  readStart,
} from "./launch.ts";

/** A package that uvx runs. */
interface UvxPackage {
  /** The name in the form of file names: lower case, with `_` between words. */
  readonly name: string;
  readonly version: string;
  /** The name of its program. */
  readonly program: string;
  /** The arguments of the program. */
  readonly args: readonly string[];
}

/** A package in an environment. */
interface Distribution {
  readonly name: string;
  readonly version: string;
  /** The folder that describes it. */
  readonly folder: string;
}

/**
 * Maximum age of the package's entry in uv's cache of the index, in milliseconds. If it is older, uvx runs, because it
 * may choose newer dependencies.
 */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;

/** The folder of environments in uv's cache. */
const ENVIRONMENTS_FOLDER = "environments-v2";

/** Maximum number of packages in an environment. */
const MAX_PACKAGES = 500;

/** Variables of uv that do not change which environment uvx uses. */
const HARMLESS_VARIABLES = new Set([
  "UV",
  "UV_CACHE_DIR",
  "UV_SYSTEM_CERTS",
  "UV_HTTP_TIMEOUT",
  "UV_HTTP_RETRIES",
  "UV_NO_PROGRESS",
  "UV_OFFLINE",
]);

const EXACT_SPEC =
  /^([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)(==|@)(\d+(?:\.\d+)*(?:(?:a|b|rc|\.post|\.dev)\d+)?)$/;

/** The beginning of a program that uv installs: a shell script that runs it with the Python of its folder. */
const UV_SCRIPT = `#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python'`;

/**
 * Finds the program that `uvx PACKAGE==VERSION` runs from its cache, if exactly one environment there can be the one
 * that uvx made for the package.
 *
 * @see {@link https://docs.astral.sh/uv/concepts/tools/#tool-environments}
 */
export async function findUvxStart(launch: Launch): Promise<DirectStart | undefined> {
  const { env } = launch;
  const requested = readArgs(launch.args);
  if (requested === undefined || !hasPlainVariables(env)) return undefined;
  const [uv, isConfigured] = await Promise.all([findUv(launch), mayBeConfigured(env, requested)]);
  if (uv === undefined || isConfigured) return undefined;
  const environment = await findEnvironment(requested, env);
  if (environment === undefined) return undefined;
  const binFolder = `${environment}/bin`;
  const { PATH } = env;
  return {
    command: `${binFolder}/${requested.program}`,
    args: requested.args,
    env: { ...env, UV: uv, PATH: PATH === undefined ? binFolder : `${binFolder}:${PATH}` },
  };
}

/** Reads the arguments of uvx; `undefined` if they are not `PACKAGE==VERSION ...` or `--from PACKAGE==VERSION PROGRAM ...`. */
function readArgs(args: readonly string[]): UvxPackage | undefined {
  const [first = "", second = "", third = ""] = args;
  const [spec, program, count] = first === "--from"
    ? [second, third, 3]
    : first.startsWith("--from=")
    ? [first.slice("--from=".length), second, 2]
    : [first, undefined, 1];
  const [, name, operator, version] = EXACT_SPEC.exec(spec) ?? [];
  if (name === undefined || version === undefined) return undefined;
  // `--from PACKAGE@VERSION` would be read as an address.
  if (program !== undefined && (operator === "@" || !/^\w[\w.-]*$/.test(program))) return undefined;
  return { name: fileNameOf(name), version, program: program ?? name, args: args.slice(count) };
}

function fileNameOf(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "_");
}

/** Whether no variable changes how uvx finds the package, its environment, or Python. */
function hasPlainVariables(env: Readonly<Record<string, string>>): boolean {
  return isAbsolutePath(env["HOME"] ?? "") && isAbsolutePath(cacheOf(env)) &&
    Object.keys(env).every((name) =>
      HARMLESS_VARIABLES.has(name) || !/^(?:UV_|VIRTUAL_ENV$|CONDA_)/.test(name)
    );
}

function cacheOf(env: Readonly<Record<string, string>>): string {
  return env["UV_CACHE_DIR"] || `${env["XDG_CACHE_HOME"] || `${env["HOME"]}/.cache`}/uv`;
}

/** Finds uv beside uvx; `undefined` if uvx is another program. */
async function findUv({ command, env }: Launch): Promise<string | undefined> {
  const uvx = await findProgram(command, env);
  if (uvx === undefined || nameOf(uvx) !== "uvx") return undefined;
  const uv = await Deno.realPath(resolvePath(folderOf(uvx), "uv"));
  const starts = await Promise.all([readStart(uvx), readStart(uv)]);
  // A script with this name may run anything.
  return starts.every((start) => !start.startsWith("#!")) ? uv : undefined;
}

/** Whether a file of settings or an installed tool may make uvx choose another environment. */
async function mayBeConfigured(
  env: Readonly<Record<string, string>>,
  { name }: UvxPackage,
): Promise<boolean> {
  const home = env["HOME"];
  const configFolders = [
    env["XDG_CONFIG_HOME"] || `${home}/.config`,
    ...(env["XDG_CONFIG_DIRS"] || "/etc/xdg").split(":"),
    "/etc",
  ];
  const infos = await Promise.all([
    ...configFolders.flatMap((folder) =>
      ["uv.toml", ".python-version", ".python-versions"].map((file) => `${folder}/uv/${file}`)
    ),
    `${dataFolderOf(env)}/uv/tools/${name.replaceAll("_", "-")}`,
    // Older versions of uv have their folders there.
    ...(Deno.build.os === "darwin"
      ? [`${home}/Library/Caches/uv`, `${home}/Library/Application Support/uv`]
      : []),
  ].map(infoAt));
  return infos.some((info) => info !== undefined);
}

/** Finds the environment that uvx made for a package; `undefined` if that is unclear. */
async function findEnvironment(
  requested: UvxPackage,
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const cache = cacheOf(env);
  const cacheFolders = await namesIn(cache);
  const hasOtherVersion = cacheFolders.some((name) => {
    return /^environments-v/.test(name) && name !== ENVIRONMENTS_FOLDER;
  });
  if (hasOtherVersion || !await isFresh(cache, { cacheFolders, requested })) return undefined;
  const root = `${cache}/${ENVIRONMENTS_FOLDER}`;
  const [candidate, ...others] = await listCandidates(root, requested);
  if (candidate === undefined || others.length > 0) return undefined;
  const { link, own, distributions } = candidate;
  const environment = await Deno.realPath(link);
  const program = `${environment}/bin/${requested.program}`;
  const archive = await Deno.realPath(`${cache}/archive-v0`);
  const python = await Deno.realPath(`${environment}/bin/python`);
  if (python !== await findPython(env)) return undefined;
  const checks = await Promise.all([
    isMadeFor(own, distributions),
    hasProgram(own, requested.program),
    readStart(program).then((start) => start.startsWith(UV_SCRIPT)),
    // Another version may have replaced the system's Python.
    infoAt(`${environment}/lib/${nameOf(python)}`).then((info) => info?.isDirectory === true),
    arePrivate([
      ...[await Deno.realPath(cache), root, folderOf(link), archive, environment].map(asFolder),
      ...[`${environment}/bin`, folderOf(own.folder), own.folder].map(asFolder),
      { path: program, kind: "file" },
    ], env["HOME"] ?? ""),
  ]);
  return folderOf(environment) === archive && checks.every(Boolean) ? environment : undefined;
}

/** An environment that has a package. */
interface Candidate {
  /** The link to the environment. */
  readonly link: string;
  /** The package. */
  readonly own: Distribution;
  /** All packages of the environment. */
  readonly distributions: readonly Distribution[];
}

/** Lists the environments that have a package; `root` has a folder for each Python, with a link to each environment. */
async function listCandidates(root: string, requested: UvxPackage): Promise<Candidate[]> {
  const interpreters = await namesIn(root);
  const links = (await Promise.all(interpreters.map(async (interpreter) => {
    const names = await namesIn(`${root}/${interpreter}`);
    return names.filter((name) => /^[0-9a-f]+$/.test(name))
      .map((name) => `${root}/${interpreter}/${name}`);
  }))).flat();
  return (await Promise.all(links.map(async (link) => {
    const distributions = await listDistributions(link);
    const own = distributions.find(({ name }) => name === requested.name);
    return own?.version === requested.version ? [{ link, own, distributions }] : [];
  }))).flat();
}

/**
 * Finds the Python that uv uses by default: one that uv has installed, or else the first one on the search path.
 *
 * @returns `undefined` if there is none, or if uv has installed several.
 */
async function findPython(env: Readonly<Record<string, string>>): Promise<string | undefined> {
  const installed = `${dataFolderOf(env)}/uv/python`;
  const versions = await infoAt(installed) === undefined ? [] : await foldersIn(installed);
  const [version, ...others] = versions.filter((name) => !name.startsWith("."));
  if (others.length > 0) return undefined;
  if (version !== undefined) {
    return await findProgram(`${installed}/${version}/bin/python3`, env);
  }
  for (const folder of env["PATH"]?.split(":") ?? []) {
    const names = ["python", "python3"];
    const found = await Promise.all(names.map((name) => findProgram(name, { PATH: folder })));
    const python = found.find((path) => path !== undefined);
    if (python !== undefined) return python;
  }
  return undefined;
}

function dataFolderOf(env: Readonly<Record<string, string>>): string {
  return env["XDG_DATA_HOME"] || `${env["HOME"]}/.local/share`;
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(path));
  return entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
}

function asFolder(path: string): InstalledPath {
  return { path, kind: "folder" };
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
}

/** Whether uv has recently looked up the versions of a package, and so those of its dependencies. */
async function isFresh(
  cache: string,
  { cacheFolders, requested: { name } }: {
    readonly cacheFolders: readonly string[];
    readonly requested: UvxPackage;
  },
): Promise<boolean> {
  const indexes = cacheFolders.filter((folder) => folder.startsWith("simple-v"));
  const ages = await Promise.all(indexes.map(async (index) => {
    const info = await infoAt(`${cache}/${index}/pypi/${name.replaceAll("_", "-")}.rkyv`);
    return Date.now() - (info?.mtime?.getTime() ?? 0);
  }));
  return ages.some((age) => age >= 0 && age < MAX_AGE_MS);
}

/** Lists the packages in an environment; none if the path is not that of an environment. */
async function listDistributions(environment: string): Promise<Distribution[]> {
  const lib = `${environment}/lib`;
  if (await infoAt(lib) === undefined) return [];
  const [python, ...others] = await namesIn(lib);
  if (python === undefined || others.length > 0) return [];
  const packages = `${lib}/${python}/site-packages`;
  return (await namesIn(packages)).flatMap((folder) => {
    const [, name, version] = /^(.+)-([^-]+)\.dist-info$/.exec(folder) ?? [];
    if (name === undefined || version === undefined) return [];
    return [{ name: fileNameOf(name), version, folder: `${packages}/${folder}` }];
  });
}

/**
 * Whether an environment has only a package and its dependencies. Otherwise, it was made for another package, or with a
 * flag such as `--with`.
 */
async function isMadeFor(own: Distribution, all: readonly Distribution[]): Promise<boolean> {
  if (all.length > MAX_PACKAGES || await infoAt(`${own.folder}/direct_url.json`) !== undefined) {
    return false;
  }
  const dependencies = new Map(
    await Promise.all(all.map(async ({ name, folder }) => {
      const [head = ""] = (await readIfThere(`${folder}/METADATA`))?.split(/\r?\n\r?\n/, 1) ?? [];
      const names = head.matchAll(/^Requires-Dist: *([\w.-]+)/gm).map(([, dependency = ""]) => {
        return fileNameOf(dependency);
      });
      return [name, [...names]] as const;
    })),
  );
  const needed = new Set([own.name]);
  // The loop also visits the names that it adds.
  for (const name of needed) dependencies.get(name)?.forEach((added) => needed.add(added));
  return all.every(({ name }) => needed.has(name));
}

/** Whether a package has installed a program, according to its list of files. */
async function hasProgram({ folder }: Distribution, program: string): Promise<boolean> {
  const files = (await readIfThere(`${folder}/RECORD`))?.split(/\r?\n/) ?? [];
  return files.some((line) => line.startsWith(`../../../bin/${program},`));
}
