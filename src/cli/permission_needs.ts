import {
  addressOf,
  childEnvironment,
  type Configuration,
  type ConnectHttp,
  type ConnectStdio,
  DEPTH_VARIABLE,
  type Environment,
  folderOf,
  type FoundFiles,
  listSettings,
  oauthFolder,
  processOf,
  resolvePath,
  safeVariables,
  type ServerConfig,
  type Settings,
} from "../config/mod.ts";
import { realPathOf } from "../file_identity.ts";
import { standardStream } from "../line_queue.ts";
import { auditFallback } from "./audit_path.ts";

/** Permissions that a gateway needs to serve a configuration. */
export interface Needs {
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
  /** Remarks for the operator. */
  readonly notes: string[];
}

/** The configuration to serve, and its environment. */
export interface ServedConfiguration {
  readonly settings: Settings;
  readonly files: FoundFiles;
  readonly configuration: Configuration;
  /** Names of the variables that were read when the files were expanded. */
  readonly variables: Iterable<string>;
  readonly env: Environment;
  /** The working folder. */
  readonly cwd: string;
}

const isWindows = Deno.build.os === "windows";

/** Finds the permissions that serving needs, and no others. */
export function findNeeds(served: ServedConfiguration): Needs {
  const needs: Needs = {
    read: new Set(),
    write: new Set(),
    env: new Set(),
    run: new Set(),
    net: new Set(),
    notes: [],
  };
  needFiles(needs, served);
  needVariables(needs, served);
  for (const server of served.configuration.servers.values()) {
    const program = processOf(server.connect);
    const address = addressOf(server.connect);
    if (program !== undefined) needProgram(needs, server, program, served);
    if (address !== undefined) needHost(needs, server, address, served);
  }
  needListener(needs, served);
  return needs;
}

function needFiles(needs: Needs, { settings, files, cwd }: ServedConfiguration): void {
  for (const { path, looked } of [files.mcpConfig, files.rules]) {
    // Other search paths are checked as well; a path that may not be read would count as existing.
    for (const candidate of looked) needs.read.add(candidate);
    // Changes are noticed by watching the file's folder, and the folder of the target of a symlink.
    needs.read.add(folderOf(path)).add(folderOf(realPathOf(path)));
  }
  // Full logs are rotated in their folder, which is created if it is missing.
  for (const log of [settings.auditLog, auditFallback()]) {
    // Standard streams are open already.
    if (standardStream(log) !== undefined) continue;
    const folder = folderOf(resolvePath(cwd, log));
    needs.read.add(folder);
    needs.write.add(folder);
  }
}

function needVariables(needs: Needs, { configuration, variables }: ServedConfiguration): void {
  const own = [DEPTH_VARIABLE, "HOME", "OTEL_DENO", ...isWindows ? ["USERPROFILE"] : []];
  const settings = listSettings().map(({ variable }) => variable);
  const inherited = [...configuration.servers.values()]
    .flatMap(({ options }) => options.inheritEnv);
  // In Deno's flag a comma would end the name, and `*` would match many.
  const named = [...variables, ...inherited].filter((name) => /^[^,*]+$/.test(name));
  for (const name of [...own, ...settings, ...safeVariables(), ...named]) needs.env.add(name);
}

function needProgram(
  needs: Needs,
  { name, options }: ServerConfig,
  connect: ConnectStdio,
  { env, cwd }: ServedConfiguration,
): void {
  if (isWindows) return needAnyProgram(needs, env);
  const variables = childEnvironment({ env: connect.env, inheritEnv: options.inheritEnv }, env);
  const loader = Object.keys(variables).find((variable) => /^(?:LD|DYLD)_/.test(variable));
  if (loader !== undefined) {
    needs.run = undefined;
    needs.notes.push(
      `Server "${name}" gets the variable ${loader}, which decides what code programs load. ` +
        "Deno passes it on only if every program may be started.",
    );
  }
  const folder = connect.cwd === undefined ? cwd : resolvePath(cwd, connect.cwd);
  const program = findProgram(connect.command, { path: variables["PATH"], env, folder });
  if (program.includes(",")) {
    needs.run = undefined;
    needs.notes.push(
      `The path of server "${name}" contains a comma, which is not possible in Deno's flag.`,
    );
  }
  needs.run?.add(program);
  // `kill` ends process groups; `sh` ends them if the gateway itself is killed.
  needs.run?.add("kill").add("sh");
}

/** On Windows `npx` and the like are scripts, which are searched in PATH and run by `cmd.exe`. */
function needAnyProgram(needs: Needs, env: Environment): void {
  const folders = (env.get("PATH") ?? "").split(";").map((text) => text.replaceAll('"', "").trim());
  for (const folder of folders) if (folder !== "") needs.read.add(folder);
  if (needs.run === undefined) return;
  needs.run = undefined;
  needs.notes.push(
    "On Windows, programs from npm are scripts of cmd.exe, which can start any program. " +
      "Therefore all programs may be started.",
  );
}

/** Deno looks a name up at its start, with its own PATH; a server may have another one. */
function findProgram(
  command: string,
  { path, env, folder }: { path: string | undefined; env: Environment; folder: string },
): string {
  if (/[/\\]/.test(command)) return resolvePath(folder, command);
  if (path === undefined || path === env.get("PATH")) return command;
  const candidates = path.split(":").map((entry) => resolvePath(folder, entry, command));
  return candidates.find(isFile) ?? command;
}

function needHost(
  needs: Needs,
  { name, options, unavailable }: ServerConfig,
  { url, headers }: ConnectHttp,
  served: ServedConfiguration,
): void {
  if (unavailable !== undefined) return;
  needs.net.add(hostOf(url));
  if (Object.keys(headers).some((header) => /^authorization$/i.test(header))) return;
  needs.notes.push(
    `Server "${name}" may require a login (OAuth) at hosts that only it knows. ` +
      "If it does, add them to --allow-net.",
  );
  needTokens(needs, served);
  if (options.oauth?.grant === "client_credentials") return;
  const { redirectPort } = options.oauth ?? {};
  needs.net.add(redirectPort === undefined ? "127.0.0.1" : `127.0.0.1:${redirectPort}`);
}

/** Permissions for a login: the folder of the tokens, and a program that opens the browser. */
function needTokens(needs: Needs, { env, cwd }: ServedConfiguration): void {
  const folder = oauthFolder(env);
  if (folder !== undefined) {
    needs.read.add(resolvePath(cwd, folder));
    needs.write.add(resolvePath(cwd, folder));
  }
  const variables = isWindows
    ? ["BROWSER", "USERDOMAIN", "USERNAME"]
    : ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"];
  for (const variable of variables) needs.env.add(variable);
  for (const program of browserPrograms(env)) needs.run?.add(program);
}

/** Programs that open a link here, whether or not there is a screen at the moment. */
function browserPrograms(env: Environment): string[] {
  const chosen = env.get("BROWSER")?.trim() ?? "";
  if (chosen === "none") return [];
  if (isWindows) return ["icacls", chosen.split(/\s+/)[0] || "rundll32"];
  if (chosen !== "") return chosen.split(":").map((text) => text.trim().split(/\s+/)[0] ?? "");
  if (Deno.build.os === "darwin") return ["open"];
  return (env.get("PATH") ?? "").split(":").flatMap((folder) =>
    ["xdg-open", "wslview"].filter((program) => isFile(resolvePath("/", folder, program)))
  );
}

function needListener(needs: Needs, { settings, configuration }: ServedConfiguration): void {
  if (settings.transport !== "http") return;
  const { host, port } = settings;
  const name = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  needs.net.add(port === 0 ? name : `${name}:${port}`);
  const { jwt } = configuration.rules;
  if (jwt === undefined) return;
  const keys = jwt.jwksUrl ?? jwt.issuer;
  if (URL.canParse(keys)) needs.net.add(hostOf(keys));
}

function hostOf(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port || (protocol === "http:" ? "80" : "443")}`;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
