import { fileURLToPath } from "node:url";
import {
  type Configuration,
  createChildEnvironment,
  DEPTH_VARIABLE,
  type Environment,
  folderOf,
  getApprovalsFolder,
  getCatalogsFolder,
  getHomeFolder,
  getHttpConfig,
  getOAuthFolder,
  getStdioConfig,
  type HttpConfig,
  listSafeVariables,
  listSettings,
  type LocatedFiles,
  locateLockFile,
  MARK_VARIABLE,
  needsTrust,
  resolvePath,
  type ServerConfig,
  type Settings,
  type StdioConfig,
  trustFileFor,
} from "../config/mod.ts";
import { compileRules } from "../gateway/mod.ts";
import { OWN_SERVER, RUN_CODE } from "../own_server.ts";
import { isFile, realPathOf } from "../file_identity.ts";
import { standardStream } from "../line_queue.ts";
import { listReadParts } from "../program_files.ts";
import { auditFallback } from "./audit_path.ts";

/** The permissions that a gateway needs to serve a configuration. */
export interface NeededPermissions {
  /** Files and folders to read. */
  readonly read: Set<string>;
  /** Files and folders to write. */
  readonly write: Set<string>;
  /** Environment variables to read. */
  readonly env: Set<string>;
  /** Programs to start; `undefined` if Deno requires the permission to start any. */
  run: Set<string> | undefined;
  /** Hosts to connect to or listen on, with ports. */
  readonly net: Set<string>;
  /** Notes for the operator about permissions that are broader than necessary, or that may be missing. */
  readonly notes: string[];
}

/** The configuration to serve, and its environment. */
export interface ServedConfiguration {
  readonly settings: Settings;
  readonly files: LocatedFiles;
  readonly configuration: Configuration;
  /** Names of the variables that were read when the files were expanded. */
  readonly variables: Iterable<string>;
  readonly env: Environment;
  /** The working folder. */
  readonly cwd: string;
}

const isWindows = Deno.build.os === "windows";

/** Finds the permissions that serving needs, and no others. */
export function findNeededPermissions(source: ServedConfiguration): NeededPermissions {
  const permissions: NeededPermissions = {
    read: new Set(),
    write: new Set(),
    env: new Set(),
    run: new Set(),
    net: new Set(),
    notes: [],
  };
  addFiles(permissions, source);
  addVariables(permissions, source);
  for (const server of source.configuration.servers.values()) {
    const stdio = getStdioConfig(server.connection);
    const http = getHttpConfig(server.connection);
    if (stdio !== undefined) addProgram(permissions, server, stdio, source);
    if (http !== undefined) addHost(permissions, server, http, source);
  }
  addCodeSandbox(permissions, source);
  addListener(permissions, source);
  return permissions;
}

function addFiles(
  permissions: NeededPermissions,
  { settings, files, configuration, env, cwd }: ServedConfiguration,
): void {
  for (const part of listReadParts()) permissions.read.add(fileURLToPath(part));
  for (const { path, searchedPaths, ignoredPaths } of [files.mcpConfig, files.rules]) {
    // The gateway checks all search paths, and a path that it may not read would count as existing.
    for (const candidate of [...searchedPaths, ...ignoredPaths]) permissions.read.add(candidate);
    // The gateway watches the folder of the file, and of its target if it is a symlink.
    permissions.read.add(folderOf(path)).add(folderOf(realPathOf(path)));
  }
  // The lock file is beside the rules file, but may be a link.
  permissions.read.add(folderOf(realPathOf(locateLockFile(files.rules).path)));
  const catalogs = getCatalogsFolder(env);
  if (catalogs !== undefined) {
    // The gateway checks who can change this folder, too.
    const folder = folderOf(catalogs);
    permissions.read.add(folder);
    permissions.write.add(folder);
  }
  if (configuration.rules.agents.values().some(({ ask }) => ask !== undefined)) {
    // The gateway checks who can change the folder of the approvals and the one around it.
    const folder = folderOf(getApprovalsFolder(env));
    permissions.read.add(folder);
    permissions.write.add(folder);
  }
  const trustFile = needsTrust(files) ? trustFileFor(settings, env) : undefined;
  if (trustFile !== undefined) permissions.read.add(folderOf(trustFile));
  // A full log is rotated in its folder, which is created if it is missing. Large results are beside the fallback log.
  for (const log of [settings.auditLog, auditFallback()]) {
    // Standard streams are open already.
    if (standardStream(log) !== undefined) continue;
    const folder = folderOf(resolvePath(cwd, log));
    if (folder === "/" || folder === getHomeFolder(env)) {
      permissions.notes.push(
        `The audit log is directly in ${folder}, so everything in that folder may be written. ` +
          "Move it into a folder of its own.",
      );
    }
    permissions.read.add(folder);
    permissions.write.add(folder);
  }
}

function addVariables(
  permissions: NeededPermissions,
  { configuration, variables }: ServedConfiguration,
): void {
  const gatewayVariables = [
    DEPTH_VARIABLE,
    MARK_VARIABLE,
    "HOME",
    "OTEL_DENO",
    ...isWindows ? ["USERPROFILE"] : [],
  ];
  const settings = listSettings().map(({ variable }) => variable);
  const inheritedVariables = [...configuration.servers.values()]
    .flatMap(({ options }) => options.inheritEnv);
  // In Deno's flag a comma would end the name, and `*` would match other names.
  const serverVariables = [...variables, ...inheritedVariables].filter((name) =>
    /^[^,*]+$/.test(name)
  );
  for (
    const name of [...gatewayVariables, ...settings, ...listSafeVariables(), ...serverVariables]
  ) {
    permissions.env.add(name);
  }
}

function addProgram(
  permissions: NeededPermissions,
  { name, options }: ServerConfig,
  connection: StdioConfig,
  { env, cwd }: ServedConfiguration,
): void {
  if (isWindows) return addAnyProgram(permissions, env);
  const variables = createChildEnvironment(
    { env: connection.env, inheritEnv: options.inheritEnv },
    env,
  );
  const loaderVariable = Object.keys(variables).find((variable) => /^(?:LD|DYLD)_/.test(variable));
  if (loaderVariable !== undefined) {
    permissions.run = undefined;
    permissions.notes.push(
      `Server "${name}" gets the variable ${loaderVariable}, which decides what code programs load. ` +
        "Deno passes it on only if every program may be started.",
    );
  }
  const folder = connection.cwd === undefined ? cwd : resolvePath(cwd, connection.cwd);
  const program = options.sandbox === undefined
    ? findProgram(connection.command, { path: variables["PATH"], env, folder })
    : findProgram(options.sandbox, { path: env.get("PATH"), env, folder });
  if (program.includes(",")) {
    permissions.run = undefined;
    permissions.notes.push(
      `The path of server "${name}" contains a comma, which is not possible in Deno's flag.`,
    );
  }
  permissions.run?.add(program);
  // `kill` ends process groups; `sh` ends them if the gateway itself is killed.
  permissions.run?.add("kill").add("sh");
}

/** Allows any program: on Windows `npx` and the like are scripts on the PATH, which `cmd.exe` runs. */
function addAnyProgram(permissions: NeededPermissions, env: Environment): void {
  const folders = (env.get("PATH") ?? "").split(";").map((text) => text.replaceAll('"', "").trim());
  for (const folder of folders) if (folder !== "") permissions.read.add(folder);
  if (permissions.run === undefined) return;
  permissions.run = undefined;
  permissions.notes.push(
    "On Windows, programs from npm are scripts of cmd.exe, which can start any program. " +
      "Therefore all programs may be started.",
  );
}

/**
 * Returns the program that a command names: a path if the server's PATH differs from the gateway's,
 * because Deno looks up the names of its flag in the gateway's PATH.
 */
function findProgram(
  command: string,
  { path, env, folder }: { path: string | undefined; env: Environment; folder: string },
): string {
  if (/[/\\]/.test(command)) return resolvePath(folder, command);
  if (path === undefined || path === env.get("PATH")) return command;
  const candidates = path.split(":").map((entry) => resolvePath(folder, entry, command));
  return candidates.find(isFile) ?? command;
}

function addHost(
  permissions: NeededPermissions,
  { name, options, unavailable }: ServerConfig,
  { url, headers }: HttpConfig,
  source: ServedConfiguration,
): void {
  if (unavailable !== undefined) {
    permissions.notes.push(
      `The host of server "${name}" is left out, because the server is not available: ${unavailable}`,
    );
    return;
  }
  permissions.net.add(hostOf(url));
  const { issuer } = options.oauth ?? {};
  if (issuer !== undefined) permissions.net.add(hostOf(issuer));
  if (Object.keys(headers).some((header) => /^authorization$/i.test(header))) return;
  permissions.notes.push(
    `Server "${name}" may require a login (OAuth) at hosts that only it knows. ` +
      "If it does, add them to --allow-net.",
  );
  addLogin(permissions, source);
  if (options.oauth?.grant === "client_credentials") return;
  const { redirectPort } = options.oauth ?? {};
  permissions.net.add(redirectPort === undefined ? "127.0.0.1" : `127.0.0.1:${redirectPort}`);
}

/** Adds the permissions for a login: the folder of the tokens, and a program that opens the browser. */
function addLogin(permissions: NeededPermissions, { env, cwd }: ServedConfiguration): void {
  const folder = getOAuthFolder(env);
  if (folder !== undefined) {
    permissions.read.add(resolvePath(cwd, folder));
    permissions.write.add(resolvePath(cwd, folder));
  }
  const variables = isWindows
    ? ["BROWSER", "USERDOMAIN", "USERNAME"]
    : ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"];
  for (const variable of variables) permissions.env.add(variable);
  for (const program of browserPrograms(env)) permissions.run?.add(program);
}

/** The programs that may open a link in a browser on this machine. */
function browserPrograms(env: Environment): string[] {
  const browser = env.get("BROWSER")?.trim() ?? "";
  if (browser === "none") return [];
  if (isWindows) return ["icacls", browser.split(/\s+/)[0] || "rundll32"];
  if (browser !== "") return browser.split(":").map((text) => text.trim().split(/\s+/)[0] ?? "");
  if (Deno.build.os === "darwin") return ["open"];
  return (env.get("PATH") ?? "").split(":").flatMap((folder) =>
    ["xdg-open", "wslview"].filter((program) => isFile(resolvePath("/", folder, program)))
  );
}

/** Adds the program itself if an agent may run code, because code runs in another process of this program. */
function addCodeSandbox(
  permissions: NeededPermissions,
  { configuration }: ServedConfiguration,
): void {
  const policy = compileRules(configuration);
  const request = { kind: "tool", server: OWN_SERVER, tool: RUN_CODE } as const;
  const runsCode = configuration.rules.agents.keys().some((agent) => policy.allows(agent, request));
  if (!runsCode) return;
  const program = Deno.execPath();
  // Deno's flag cannot name a path with a comma; `sh` can start such a program.
  if (!program.includes(",")) permissions.run?.add(program);
  // `sh` limits the process, and ends it if the gateway is killed; `kill` ends its group.
  if (!isWindows) permissions.run?.add("kill").add("sh");
  // Names the folder in which Deno keeps packages and compiled code.
  permissions.env.add("DENO_DIR");
}

function addListener(
  permissions: NeededPermissions,
  { settings, configuration }: ServedConfiguration,
): void {
  if (settings.transport !== "http") return;
  const { host, port } = settings;
  const hostName = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  permissions.net.add(port === 0 ? hostName : `${hostName}:${port}`);
  const { jwt } = configuration.rules;
  if (jwt === undefined) return;
  const keysUrl = jwt.jwksUrl ?? jwt.issuer;
  if (URL.canParse(keysUrl)) permissions.net.add(hostOf(keysUrl));
}

function hostOf(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port || (protocol === "http:" ? "80" : "443")}`;
}
