import {
  DEPTH_VARIABLE,
  type Environment,
  getHomeFolder,
  isAbsolutePath,
  isSafeVariable,
  listSettings,
  type LocatedFiles,
  locateFiles,
  readText,
  resolvePath,
  type SettingFlags,
  type Settings,
  usesWorkingFolder,
  wordsOf,
} from "../config/startup/mod.ts";
import { ownUserId } from "../file_identity.ts";
import { standardStream } from "../line_queue.ts";
import { programModule } from "../program_files.ts";
import { sha256 } from "../sha256.ts";
import { VERSION } from "../version.ts";
import { programWords } from "./daemon_command.ts";

/** The settings of the log, which the first relay decides. */
const LOG_SETTINGS: ReadonlySet<keyof Settings> = new Set(["logLevel", "logFormat"]);

/** The settings of a relay; clients that differ in them share a daemon. */
const PER_CLIENT_SETTINGS: ReadonlySet<keyof Settings> = new Set([
  "agent",
  "shared",
  ...LOG_SETTINGS,
]);

/** Variables of the gateway itself and of the browser that it opens. */
const GATEWAY_VARIABLES =
  /^(?:OTEL_\w+|DENO_\w+|BROWSER|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|DBUS_SESSION_BUS_ADDRESS|AGENT_MCP_GATEWAY_(?:LAUNCHER|LOOPBACK))$/;

/** Safe variables that differ from window to window and say nothing to a program without a terminal. */
const PER_WINDOW = /^(?:TERM|XDG_(?!\w+_(?:HOME|DIRS)$|RUNTIME_DIR$)\w+)$/;

/** The facts that determine which daemon serves a client, and its environment if it has to be started. */
export interface DaemonIdentity {
  /** Hash of everything that decides which servers a client gets: 64 hex digits. */
  readonly key: string;
  /**
   * The whole environment of the daemon: only variables that are in the key, so that no client gets another's values, and
   * the settings of the log, which the first relay decides.
   */
  readonly env: Readonly<Record<string, string>>;
  /** The working folder of the daemon. */
  readonly folder: string;
}

/** The facts of the relay whose daemon is sought. */
export interface RelayProcess {
  readonly flags: SettingFlags;
  /** The settings that the flags and the environment give. */
  readonly settings: Settings;
  readonly env: Environment;
  /** The working folder, absolute. */
  readonly cwd: string;
}

/** Finds the two files, and computes the daemon key and the daemon's environment. */
export async function identifyDaemon(context: RelayProcess): Promise<DaemonIdentity> {
  const { settings, env, cwd } = context;
  const home = getHomeFolder(env);
  const files = locateFiles(settings, { home, cwd });
  const [serversText, rulesText] = [
    readIfPossible(files.mcpConfig.path),
    readIfPossible(files.rules.path),
  ];
  // A file of the working folder is used only if it was trusted there, so the daemon has to find it there, too.
  const isInFolder = [files.mcpConfig, files.rules].some(({ origin }) =>
    origin === "working-folder"
  );
  const folder = isInFolder || home === undefined || usesWorkingFolder(serversText, { cwd, env })
    ? cwd
    : home;
  const variables = listVariables(context, wordsOf(`${serversText}\n${rulesText}`));
  const keyVariables = { ...variables, ...settingVariables(context, files) };
  const key = await sha256(JSON.stringify([
    VERSION,
    describeProgram(),
    ownUserId() ?? null,
    folder,
    [files.mcpConfig.path, files.rules.path],
    Object.entries(keyVariables).sort(([one], [other]) => one < other ? -1 : 1),
  ]));
  return { key, env: { ...keyVariables, ...logVariables(context) }, folder };
}

function readIfPossible(path: string): string {
  const file = readText(path);
  // The daemon reports a file that cannot be read.
  return "text" in file ? file.text : "";
}

/** Returns the variables that servers get, or that the files name. */
function listVariables(
  { env }: RelayProcess,
  words: ReadonlySet<string>,
): Record<string, string> {
  const windows = Deno.build.os === "windows";
  const canonicalName = (name: string): string => windows ? name.toUpperCase() : name;
  const namedVariables = new Set([...words].map(canonicalName));
  const isShared = (name: string): boolean =>
    namedVariables.has(name) || name === DEPTH_VARIABLE || GATEWAY_VARIABLES.test(name) ||
    (isSafeVariable(name, windows) && !PER_WINDOW.test(name));
  return Object.fromEntries(
    Object.entries(env.toObject()).filter(([name]) => isShared(canonicalName(name))),
  );
}

/** Returns the settings as variables; relative paths become absolute, because the daemon has another working folder. */
function settingVariables(
  context: RelayProcess,
  files: LocatedFiles,
): Record<string, string> {
  const { settings: { auditLog }, env, cwd } = context;
  const variables = readGivenSettings(context, (key) => !PER_CLIENT_SETTINGS.has(key));
  const defaultFiles = locateFiles({}, { home: getHomeFolder(env), cwd });
  for (const key of ["mcpConfig", "rules"] as const) {
    const { origin, path } = files[key];
    if (origin !== "setting") continue;
    // Without the setting, the same file would be found, so the setting does not separate clients.
    const isDefault = defaultFiles[key].origin === "home" && defaultFiles[key].path === path;
    if (isDefault) variables.delete(key);
    else variables.set(key, path);
  }
  if (variables.has("auditLog") && standardStream(auditLog) === undefined) {
    variables.set("auditLog", isAbsolutePath(auditLog) ? auditLog : resolvePath(cwd, auditLog));
  }
  return namedByVariable(variables);
}

function logVariables(context: RelayProcess): Record<string, string> {
  return namedByVariable(readGivenSettings(context, (key) => LOG_SETTINGS.has(key)));
}

/** Returns the settings that are given, as written. */
function readGivenSettings(
  { flags, env }: RelayProcess,
  isIncluded: (key: keyof Settings) => boolean,
): Map<keyof Settings, string> {
  const texts = new Map<keyof Settings, string>();
  for (const { key, variable } of listSettings()) {
    const text = String(flags[key] ?? "") || (env.get(variable) ?? "");
    if (text !== "" && isIncluded(key)) texts.set(key, text);
  }
  return texts;
}

function namedByVariable(texts: ReadonlyMap<keyof Settings, string>): Record<string, string> {
  return Object.fromEntries(
    listSettings().flatMap(({ key, variable }) => {
      const text = texts.get(key);
      return text === undefined ? [] : [[variable, text]];
    }),
  );
}

/** Identifies the program: its command, and the state of its file, which a build of the same version may have replaced. */
function describeProgram(): readonly unknown[] {
  const words = programWords();
  const file = Deno.build.standalone ? Deno.execPath() : new URL(programModule());
  try {
    const { size, mtime } = Deno.statSync(file);
    return [words, size, mtime?.getTime() ?? null];
  } catch {
    return [words];
  }
}
