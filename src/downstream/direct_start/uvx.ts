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
 * Age of what uv knows about a package, in milliseconds, from which uvx is run: it looks for newer versions of the
 * packages that the package needs.
 */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;

/** The folder of environments in uv's cache. */
const BUCKET = "environments-v2";

/** Maximum number of packages in an environment. */
const MAX_PACKAGES = 500;

/** Variables of uv that do not change which environment uvx uses. */
const HARMLESS_VARIABLES = new Set([
  ...["UV", "UV_CACHE_DIR", "UV_SYSTEM_CERTS", "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES"],
  ...["UV_NO_PROGRESS", "UV_OFFLINE"],
]);

const EXACT_SPEC =
  /^([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)(==|@)(\d+(?:\.\d+)*(?:(?:a|b|rc|\.post|\.dev)\d+)?)$/;

/** The start of a program that uv installs: a script for a shell, which runs it with the Python of its folder. */
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
  const wanted = readArgs(launch.args);
  if (wanted === undefined || !hasPlainVariables(env)) return undefined;
  const [uv, isSet] = await Promise.all([findUv(launch), isConfigured(env, wanted)]);
  if (uv === undefined || isSet) return undefined;
  const environment = await findEnvironment(wanted, env);
  if (environment === undefined) return undefined;
  const binFolder = `${environment}/bin`;
  const { PATH } = env;
  return {
    command: `${binFolder}/${wanted.program}`,
    args: wanted.args,
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
async function isConfigured(
  env: Readonly<Record<string, string>>,
  { name }: UvxPackage,
): Promise<boolean> {
  const home = env["HOME"];
  const settings = [
    env["XDG_CONFIG_HOME"] || `${home}/.config`,
    ...(env["XDG_CONFIG_DIRS"] || "/etc/xdg").split(":"),
    "/etc",
  ];
  const found = await Promise.all([
    ...settings.flatMap((folder) =>
      ["uv.toml", ".python-version", ".python-versions"].map((file) => `${folder}/uv/${file}`)
    ),
    `${dataFolderOf(env)}/uv/tools/${name.replaceAll("_", "-")}`,
    // Older versions of uv have their folders there.
    ...(Deno.build.os === "darwin"
      ? [`${home}/Library/Caches/uv`, `${home}/Library/Application Support/uv`]
      : []),
  ].map(infoAt));
  return found.some((info) => info !== undefined);
}

/** Finds the one environment that has a package; `undefined` if there are several, or if it may not be the right one. */
async function findEnvironment(
  wanted: UvxPackage,
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const cache = cacheOf(env);
  const buckets = await namesIn(cache);
  const isOld = buckets.some((name) => /^environments-v/.test(name) && name !== BUCKET);
  if (isOld || !await isFresh(cache, { buckets, wanted })) return undefined;
  const root = `${cache}/${BUCKET}`;
  const interpreters = await namesIn(root);
  const links = (await Promise.all(interpreters.map(async (interpreter) => {
    const names = await namesIn(`${root}/${interpreter}`);
    return names.filter((name) => /^[0-9a-f]+$/.test(name))
      .map((name) => `${root}/${interpreter}/${name}`);
  }))).flat();
  const found = (await Promise.all(links.map(async (link) => {
    const distributions = await listDistributions(link);
    const own = distributions.find(({ name }) => name === wanted.name);
    return own?.version === wanted.version ? [{ link, own, distributions }] : [];
  }))).flat();
  const [match, ...others] = found;
  if (match === undefined || others.length > 0) return undefined;
  const { link, own, distributions } = match;
  const environment = await Deno.realPath(link);
  const program = `${environment}/bin/${wanted.program}`;
  const archive = await Deno.realPath(`${cache}/archive-v0`);
  const python = await Deno.realPath(`${environment}/bin/python`);
  if (python !== await findPython(env)) return undefined;
  const checks = await Promise.all([
    isMadeFor(own, distributions),
    hasProgram(own, wanted.program),
    readStart(program).then((start) => start.startsWith(UV_SCRIPT)),
    // The Python of the system may have been replaced by another version.
    infoAt(`${environment}/lib/${nameOf(python)}`).then((info) => info?.isDirectory === true),
    arePrivate([
      ...[await Deno.realPath(cache), root, folderOf(link), archive, environment].map(asFolder),
      ...[`${environment}/bin`, folderOf(own.folder), own.folder].map(asFolder),
      { path: program, kind: "file" },
    ], env["HOME"] ?? ""),
  ]);
  return folderOf(environment) === archive && checks.every(Boolean) ? environment : undefined;
}

/**
 * Finds the Python that uv uses if nothing else is asked for: one that uv itself has installed, or the first one on the
 * search path. Several that uv has installed, and programs of version managers, are not told apart here.
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

/** Whether uv has asked for the versions of the package lately, and so for those of the packages that it needs. */
async function isFresh(
  cache: string,
  { buckets, wanted: { name } }: {
    readonly buckets: readonly string[];
    readonly wanted: UvxPackage;
  },
): Promise<boolean> {
  const indexes = buckets.filter((bucket) => bucket.startsWith("simple-v"));
  const ages = await Promise.all(indexes.map(async (index) => {
    const info = await infoAt(`${cache}/${index}/pypi/${name.replaceAll("_", "-")}.rkyv`);
    return Date.now() - (info?.mtime?.getTime() ?? 0);
  }));
  return ages.some((age) => age >= 0 && age < MAX_AGE_MS);
}

/** Lists the packages in an environment; none if it is not one. */
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
 * Whether an environment has nothing but a package and what it needs: not an environment that another package or a flag
 * such as `--with` has made.
 */
async function isMadeFor(own: Distribution, all: readonly Distribution[]): Promise<boolean> {
  if (all.length > MAX_PACKAGES || await infoAt(`${own.folder}/direct_url.json`) !== undefined) {
    return false;
  }
  const needs = new Map(
    await Promise.all(all.map(async ({ name, folder }) => {
      const [head = ""] = (await readIfThere(`${folder}/METADATA`))?.split(/\r?\n\r?\n/, 1) ?? [];
      const names = head.matchAll(/^Requires-Dist: *([\w.-]+)/gm).map(([, need = ""]) => {
        return fileNameOf(need);
      });
      return [name, [...names]] as const;
    })),
  );
  const reached = new Set([own.name]);
  for (const name of reached) needs.get(name)?.forEach((need) => reached.add(need));
  return all.every(({ name }) => reached.has(name));
}

/** Whether a package has installed a program, according to its list of files. */
async function hasProgram({ folder }: Distribution, program: string): Promise<boolean> {
  const files = (await readIfThere(`${folder}/RECORD`))?.split(/\r?\n/) ?? [];
  return files.some((line) => line.startsWith(`../../../bin/${program},`));
}
