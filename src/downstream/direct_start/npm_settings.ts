import { isAbsolutePath, resolvePath } from "../../config/mod.ts";
import { readIfThere } from "./launch.ts";

/** The settings of npm that decide which program `npx` runs, and in which environment. */
export interface NpmSettings {
  /** The user's home folder. */
  readonly home: string;
  /** The folder of the cache. */
  readonly cache: string;
  /** The folder of global packages. */
  readonly prefix: string;
  /** The variables in which npm passes settings to the program, except for variables that are set already. */
  readonly variables: Readonly<Record<string, string>>;
}

/** The environment and the folders in which npm looks for its settings. */
export interface NpmContext {
  /** The variables of npm's process. */
  readonly env: Readonly<Record<string, string>>;
  /** The folder of npm itself. */
  readonly npmFolder: string;
  /** The folder of the Node.js program. */
  readonly nodeFolder: string;
  /** The folder of the project. */
  readonly projectFolder: string;
}

type Kind = "boolean" | "number" | "text" | "path";

/**
 * The settings that do not change which program `npx` runs from its cache, with the default of each. npm passes on the
 * values that differ from the default. If any other setting is present, `npx` runs.
 */
const KNOWN_SETTINGS: Readonly<Record<string, readonly [kind: Kind, defaultValue?: string]>> = {
  audit: ["boolean", "true"],
  cache: ["path"],
  cafile: ["path"],
  "engine-strict": ["boolean", "false"],
  "fetch-retries": ["number", "2"],
  "fetch-retry-factor": ["number", "10"],
  "fetch-retry-maxtimeout": ["number", "60000"],
  "fetch-retry-mintimeout": ["number", "10000"],
  "fetch-timeout": ["number", "300000"],
  fund: ["boolean", "true"],
  "https-proxy": ["text"],
  "ignore-scripts": ["boolean", "false"],
  "init-author-email": ["text", ""],
  "init-author-name": ["text", ""],
  "init-author-url": ["text", ""],
  "init-license": ["text", "ISC"],
  "legacy-peer-deps": ["boolean", "false"],
  loglevel: ["text", "notice"],
  maxsockets: ["number", "15"],
  nodedir: ["text"],
  noproxy: ["text", ""],
  "omit-lockfile-registry-resolved": ["boolean", "false"],
  "package-lock": ["boolean", "true"],
  "prefer-offline": ["boolean", "false"],
  prefix: ["path"],
  progress: ["boolean", "false"],
  proxy: ["text"],
  // If a file sets this to the default, npm passes that on, too.
  registry: ["text"],
  "save-exact": ["boolean", "false"],
  "save-prefix": ["text", "^"],
  "strict-ssl": ["boolean", "true"],
  "update-notifier": ["boolean", "true"],
  yes: ["boolean"],
};

/** Further settings that may be in variables, because `npx` sets them if it started the gateway. */
const INHERITED_SETTINGS = new Set([
  "user-agent",
  "npm-version",
  "node-gyp",
  "init-module",
  "userconfig",
  "globalconfig",
  "global-prefix",
  "local-prefix",
  "global-ignore-file",
]);

/**
 * Reads npm's settings from its variables and its four files.
 *
 * @returns `undefined` if there is a setting whose effect is not known here.
 */
export async function readNpmSettings(context: NpmContext): Promise<NpmSettings | undefined> {
  const { env, npmFolder, nodeFolder, projectFolder } = context;
  const home = env["HOME"] ?? "";
  if (!isAbsolutePath(home) || "PREFIX" in env || "DESTDIR" in env) return undefined;
  const fromVariables = readVariables(env);
  if (fromVariables === undefined) return undefined;
  const userFile = fromVariables.get("userconfig") ?? `${home}/.npmrc`;
  const projectFile = resolvePath(projectFolder, ".npmrc");
  const [builtin, user, project] = await Promise.all([
    readSettingsFile(resolvePath(npmFolder, "npmrc"), env),
    readSettingsFile(userFile, env),
    projectFile === userFile ? new Map<string, string>() : readSettingsFile(projectFile, env),
  ]);
  if (builtin === undefined || user === undefined || project === undefined) return undefined;
  // npm ignores a project's folder of global packages.
  if (project.has("prefix")) return undefined;
  const prefixFor = (...layers: readonly ReadonlyMap<string, string>[]): string => {
    const layer = layers.find((settings) => settings.has("prefix"));
    return layer?.get("prefix") ?? resolvePath(nodeFolder, "..");
  };
  const globalFile = fromVariables.get("globalconfig") ??
    `${prefixFor(fromVariables, user, builtin)}/etc/npmrc`;
  const global = await readSettingsFile(globalFile, env);
  if (global === undefined) return undefined;
  const prefix = prefixFor(fromVariables, user, global, builtin);
  const fromFiles = new Map([...builtin, ...global, ...user, ...project]);
  const cache = fromVariables.get("cache") ?? fromFiles.get("cache") ?? `${home}/.npm`;
  const settings = new Map([
    ...[...fromFiles].filter(([key, value]) => isPassedOn(key, value)),
    ["cache", cache],
    ["prefix", prefix],
    ["userconfig", userFile],
    ["globalconfig", globalFile],
    ["init-module", `${home}/.npm-init.js`],
    ["noproxy", fromFiles.get("noproxy") ?? ""],
  ]);
  const variables = [...settings].filter(([key]) => !fromVariables.has(key))
    // npm passes `false` on as an empty variable.
    .map(([key, value]) => [variableName(key), value === "false" ? "" : value]);
  return { home, cache, prefix, variables: Object.fromEntries(variables) };
}

/** Returns the variable in which npm passes a setting on. */
export function variableName(key: string): string {
  return `npm_config_${key.replaceAll("-", "_")}`;
}

/**
 * Whether a setting of a file is passed on. Settings of one registry and default values are not. Unlike npm, this leaves
 * out addresses with a password, as the gateway does with its own variables.
 */
function isPassedOn(key: string, value: string): boolean {
  return !/^[/@_]/.test(key) && KNOWN_SETTINGS[key]?.[1] !== value && !/:\/\/[^/]*@/.test(value);
}

/** Reads the settings in variables; `undefined` if there is one whose effect is not known here. */
function readVariables(
  env: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> | undefined {
  const settings = new Map<string, string>();
  for (const [name, value] of Object.entries(env)) {
    const [, rest] = /^npm_config_(.+)$/is.exec(name) ?? [];
    if (rest === undefined || value === "") continue;
    const key = rest.startsWith("//") ? rest : rest.replace(/(?!^)_/g, "-").toLowerCase();
    const isPath = /^(?:cache|prefix|userconfig|globalconfig)$/.test(key);
    const isUnclear = settings.has(key) || !isKnown(key) && !INHERITED_SETTINGS.has(key) ||
      value.includes("${") || isPath && !isPlainPath(value) ||
      key === "user-agent" && value.includes("{");
    if (isUnclear) return undefined;
    settings.set(key, value);
  }
  return settings;
}

/**
 * Reads a file of settings; no settings if there is none.
 *
 * @returns `undefined` if a line is not a plain setting whose effect is known here.
 */
async function readSettingsFile(
  path: string,
  env: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, string> | undefined> {
  const settings = new Map<string, string>();
  for (const line of (await readIfThere(path))?.split(/\r?\n/) ?? []) {
    if (/^\s*(?:[#;]|$)/.test(line)) continue;
    const [, key = "", text = ""] = /^\s*([^\s=[\]"']+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    // Credentials and scopes of a registry are not passed on, and do not matter for a cached package.
    if (/^(?:\/\/|@)\S+:\w+$/i.test(key)) continue;
    const value = isKnown(key) ? parseValue(key, text, env) : undefined;
    if (value === undefined) return undefined;
    settings.set(key, value);
  }
  return settings;
}

function isKnown(key: string): boolean {
  return Object.hasOwn(KNOWN_SETTINGS, key) || /^(?:\/\/|@)/.test(key);
}

/** Returns the value that npm reads; `undefined` if that is not certain. */
function parseValue(
  key: string,
  text: string,
  env: Readonly<Record<string, string>>,
): string | undefined {
  const [kind] = KNOWN_SETTINGS[key] ?? [];
  const missing: string[] = [];
  const value = text.replace(/\$\{(\w+)\}/g, (whole, name: string) => {
    if (env[name] === undefined) missing.push(name);
    return env[name] ?? whole;
  });
  if (missing.length > 0 || /["';#\\{}]/.test(value) || value === "") return undefined;
  switch (kind) {
    case "boolean":
      return /^(?:true|false)$/.test(value) ? value : undefined;
    case "number":
      return /^(?:0|[1-9]\d*)$/.test(value) ? value : undefined;
    case "path": {
      const path = value.replace(/^~(?=\/)/, env["HOME"] ?? "~");
      return isPlainPath(path) ? path : undefined;
    }
    default:
      return /^(?:true|false|null|undefined)$/.test(value) ? undefined : value;
  }
}

function isPlainPath(path: string): boolean {
  return isAbsolutePath(path) && resolvePath(path) === path;
}
