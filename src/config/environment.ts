import { DEPTH_VARIABLE, readDepth } from "./depth.ts";

/** Read access to environment variables, such as `Deno.env`. */
export interface Environment {
  /** The value of one variable. */
  get(name: string): string | undefined;
  /** All variables. */
  toObject(): Record<string, string>;
}

/** The platform whose conventions apply. */
export interface PlatformOptions {
  /** Whether the platform is Windows; default: the platform of this process. */
  readonly windows?: boolean;
}

/** The part of a server's configuration that `createChildEnvironment` reads. */
export interface ChildVariables {
  /** The entry's own variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Names of further variables of the gateway to pass on. */
  readonly inheritEnv: readonly string[];
}

/** The safe variables, which every server's process gets. */
const SAFE_NAMES = new Set(
  [
    ...["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TERM", "TMPDIR"],
    ...["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "FTP_PROXY"],
    // Without these, `npx` and `uvx` fail behind a proxy with its own certificate authority.
    ...["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "NODE_USE_SYSTEM_CA"],
    ...["DENO_CERT", "DENO_TLS_CA_STORE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"],
    ...["AWS_CA_BUNDLE", "CARGO_HTTP_CAINFO", "GIT_SSL_CAINFO", "UV_SYSTEM_CERTS"],
  ],
);
const LOWER_CASE_SAFE_NAMES = new Set([
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "all_proxy",
  "ftp_proxy",
]);
const WINDOWS_SAFE_NAMES = new Set(
  ["SYSTEMROOT", "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "TEMP", "COMSPEC"],
);

/**
 * Creates the complete environment of a server's process: the safe variables, except those named like a secret, and
 * with passwords removed from addresses; the variables that the entry inherits; the entry's own variables, which take
 * precedence; and the nesting depth. Pass it to `Deno.Command` with `clearEnv`.
 *
 * @param env The gateway's own environment.
 * @param options The platform; names are case-insensitive on Windows.
 * @throws {ConfigError} if the gateway's own depth variable is not a whole number.
 */
export function createChildEnvironment(
  server: ChildVariables,
  env: Environment,
  options: PlatformOptions = {},
): Record<string, string> {
  const windows = options.windows ?? Deno.build.os === "windows";
  const canonicalName = (name: string) => windows ? name.toUpperCase() : name;
  const inheritedNames = new Set(server.inheritEnv.map(canonicalName));
  // Keyed by the platform's canonical name, so that `Path` replaces `PATH` on Windows.
  const variables = new Map<string, [name: string, value: string]>();
  for (const [name, value] of listVariables(env, server.inheritEnv)) {
    const key = canonicalName(name);
    if (inheritedNames.has(key)) variables.set(key, [name, value]);
    else if (isSafeVariable(key, windows)) {
      variables.set(key, [name, removeUserInfo(name, value)]);
    }
  }
  for (const entry of Object.entries(server.env)) variables.set(canonicalName(entry[0]), entry);
  // The depth is last, so that no entry can change it and hide a loop.
  variables.set(DEPTH_VARIABLE, [DEPTH_VARIABLE, String(readDepth(env) + 1)]);
  return Object.fromEntries(variables.values());
}

/**
 * Lists the variables of the safe set in the form that Deno's `--allow-env` takes, where `LC_*`
 * means all names with that prefix.
 */
export function listSafeVariables(options: PlatformOptions = {}): string[] {
  const windows = options.windows ?? Deno.build.os === "windows";
  const patterns = ["LC_*", "XDG_*", "npm_config_*", "NPM_CONFIG_*"];
  return [
    ...SAFE_NAMES,
    ...LOWER_CASE_SAFE_NAMES,
    ...(windows ? WINDOWS_SAFE_NAMES : []),
    ...patterns,
  ];
}

/** Lists all variables. If Deno may not list them (`--allow-env=NAMES`), tries the known names. */
function listVariables(env: Environment, inheritEnv: readonly string[]): [string, string][] {
  try {
    return Object.entries(env.toObject());
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    const names = [...SAFE_NAMES, ...LOWER_CASE_SAFE_NAMES, ...WINDOWS_SAFE_NAMES, ...inheritEnv];
    return names.flatMap((name) => {
      const value = readVariable(env, name);
      return value === undefined ? [] : [[name, value]];
    });
  }
}

/** Returns the value of a variable; a variable that Deno may not read counts as not set. */
export function readVariable(env: Environment, name: string): string | undefined {
  try {
    return env.get(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/**
 * Whether every server's process gets a variable.
 *
 * @param name The name; on Windows in upper case.
 */
export function isSafeVariable(name: string, windows: boolean): boolean {
  return SAFE_NAMES.has(name) || LOWER_CASE_SAFE_NAMES.has(name) ||
    (windows && WINDOWS_SAFE_NAMES.has(name)) ||
    (/^(?:LC_|XDG_|npm_config_|NPM_CONFIG_)/.test(name) && !SECRET_NAME.test(name));
}

/** Names of variables that may be secrets, such as `npm_config__auth`. */
const SECRET_NAME = /auth|token|pass|cert|key|secret|credential|otp|pwd|cookie/i;

/**
 * Removes the user name and the password from an address. The address of a proxy has no path and may have no
 * scheme.
 */
function removeUserInfo(name: string, value: string): string {
  const [, scheme = "", rest = ""] = /^\s*((?:[\w+.-]+:)?\/\/)?([^]*)$/.exec(value) ?? [];
  const isProxy = /proxy$/i.test(name);
  if (!isProxy && scheme === "") return value;
  const [authority = ""] = /^[^/?#]*/.exec(rest) ?? [];
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  // If this is not a host, a password that is not percent-encoded contains `/`, `?` or `#`.
  const hasWholeAuthority = /^(?:\[.*\]|[^:]*)(?::\d*)?$/.test(host);
  const userInfo = isProxy || !hasWholeAuthority ? rest : authority;
  return scheme + rest.slice(userInfo.lastIndexOf("@") + 1);
}

/**
 * Returns the folder that a variable names. A relative path is ignored, because it would be in the working
 * folder, which may be a repository from somebody else.
 *
 * @see {@link https://specifications.freedesktop.org/basedir-spec/latest/}
 */
export function getFolderVariable(
  env: Environment,
  name: string,
  options: PlatformOptions = {},
): string | undefined {
  const windows = options.windows ?? Deno.build.os === "windows";
  const folder = env.get(name) ?? "";
  return (windows ? /^(?:[A-Za-z]:)?[\\/]/ : /^\//).test(folder) ? folder : undefined;
}

/** Returns the user's home folder: `HOME`, or on Windows `USERPROFILE` if that is missing. */
export function getHomeFolder(env: Environment, options: PlatformOptions = {}): string | undefined {
  const windows = options.windows ?? Deno.build.os === "windows";
  const name = windows && !env.get("HOME") ? "USERPROFILE" : "HOME";
  return getFolderVariable(env, name, options);
}

/**
 * Returns the path of a file in the gateway's state folder, which is in `%LOCALAPPDATA%` on
 * Windows, elsewhere in `$XDG_STATE_HOME` or `~/.local/state`.
 */
export function getStateFilePath(
  env: Environment,
  name: string,
  options: PlatformOptions = {},
): string {
  const windows = options.windows ?? Deno.build.os === "windows";
  const home = getHomeFolder(env, options) ?? ".";
  const variable = windows ? "LOCALAPPDATA" : "XDG_STATE_HOME";
  const folder = getFolderVariable(env, variable, options) ??
    `${home}/${windows ? "AppData/Local" : ".local/state"}`;
  return `${folder}/agent-mcp-gateway/${name}`;
}

/** Returns the path of the folder in which calls wait for approvals, in the gateway's state folder. */
export function getApprovalsFolder(env: Environment, options: PlatformOptions = {}): string {
  return getStateFilePath(env, "approvals", options);
}

/** Returns the path of the folder for results that are too large for an agent and for memory, in the state folder. */
export function getResultsFolder(env: Environment, options: PlatformOptions = {}): string {
  return getStateFilePath(env, "results", options);
}

/**
 * Returns the folder of stored logins in the user's configuration folder.
 *
 * @returns `undefined` if the user has no such folder.
 */
export function getOAuthFolder(
  env: Environment,
  options: PlatformOptions = {},
): string | undefined {
  const windows = options.windows ?? Deno.build.os === "windows";
  const home = getHomeFolder(env, options);
  const base = getFolderVariable(env, windows ? "APPDATA" : "XDG_CONFIG_HOME", options) ??
    (home && (windows ? `${home}/AppData/Roaming` : `${home}/.config`));
  return base ? `${base}/agent-mcp-gateway/oauth` : undefined;
}

/**
 * Returns the folder of the remembered catalogs, which is in `%LOCALAPPDATA%` on Windows, elsewhere in
 * `$XDG_CACHE_HOME` or `~/.cache`.
 *
 * @returns `undefined` if the user has no such folder.
 */
export function getCatalogsFolder(
  env: Environment,
  options: PlatformOptions = {},
): string | undefined {
  const windows = options.windows ?? Deno.build.os === "windows";
  const home = getHomeFolder(env, options);
  const base = getFolderVariable(env, windows ? "LOCALAPPDATA" : "XDG_CACHE_HOME", options) ??
    (home && (windows ? `${home}/AppData/Local` : `${home}/.cache`));
  return base ? `${base}/agent-mcp-gateway/catalogs` : undefined;
}

/** Replaces the home folder at the start of a path by `~`, if it is known. */
export function abbreviateHome(path: string, home: string | undefined): string {
  if (!home || !path.startsWith(home)) return path;
  const relativePath = path.slice(home.length);
  return /^(?:[/\\]|$)/.test(relativePath) ? `~${relativePath}` : path;
}

/** Replaces a leading `~` by the home folder, if that is known. */
export function expandHome(path: string, home: string | undefined): string {
  if (home === undefined || !/^~(?:$|[/\\])/.test(path)) return path;
  return home + path.slice(1);
}
