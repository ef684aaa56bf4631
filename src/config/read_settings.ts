import { ConfigError, type ConfigProblem, problemWithoutPosition } from "../errors.ts";
import { standardOutputLines, standardStream } from "../line_queue.ts";
import { type Environment, getHomeFolder, getStateFilePath } from "./environment.ts";
import {
  SETTING_DEFINITIONS,
  SETTING_ENTRIES,
  type SettingFlags,
  type Settings,
} from "./settings.ts";

/**
 * Resolves the settings. A flag takes precedence over its variable, and the variable over the
 * default.
 *
 * @param flags Values as typed; a flag without a value is `true`.
 * @throws {ConfigError} if a flag or variable has an invalid value; names all of them.
 */
export function readSettings(flags: SettingFlags, env: Environment): Settings {
  const home = getHomeFolder(env);
  const problems: ConfigProblem[] = [];
  const settings: Record<string, unknown> = {};
  for (const [key, definition] of SETTING_ENTRIES) {
    const flag = String(flags[key] ?? "");
    const text = flag || env.get(definition.variable) || "";
    const flagName = `--${definition.flag}`;
    // With `--agent "$UNSET"` the gateway would serve all agents instead of one.
    const isEmptyFlag = flags[key] === "";
    const isEmpty = isEmptyFlag || (text === "" && env.get(definition.variable) === "");
    if (definition.refusesEmpty && isEmpty) {
      const path = isEmptyFlag ? flagName : definition.variable;
      const message = "is set and empty; give it a value, or do not set it";
      problems.push(createProblem(path, message, definition));
    }
    const value = text === "" ? definition.fallback : definition.read(text, home);
    if (value !== undefined) settings[key] = value;
    if (value !== undefined || text === "") continue;
    const path = flag === "" ? definition.variable : flagName;
    const message = definition.isSecret
      ? `must be ${definition.expected}`
      : `expected ${definition.expected}, found ${JSON.stringify(text.slice(0, 60))}`;
    problems.push(createProblem(path, message, definition));
  }
  settings["auditLog"] ||= getStateFilePath(env, "audit.jsonl");
  const auditStream = standardStream(String(settings["auditLog"]));
  if (settings["transport"] === "stdio" && auditStream === standardOutputLines) {
    const path = flags.auditLog
      ? `--${SETTING_DEFINITIONS.auditLog.flag}`
      : SETTING_DEFINITIONS.auditLog.variable;
    const message = "standard output carries the protocol; name a file or /dev/stderr";
    problems.push(createProblem(path, message));
  }
  const isInFile = auditStream === undefined && settings["auditLog"] !== "/dev/null";
  if (settings["auditRequired"] === true && !isInFile) {
    const message = "needs an audit log in a file, not in a standard stream or /dev/null";
    problems.push(createProblem(SETTING_DEFINITIONS.auditRequired.variable, message));
  }
  if (settings["shared"] === true) {
    const { flag, variable } = SETTING_DEFINITIONS.shared;
    const path = flags.shared ? `--${flag}` : variable;
    problems.push(...findSharingProblems(settings, { path, auditStream }));
  }
  const [certVariable, keyVariable] = [
    SETTING_DEFINITIONS.tlsCert.variable,
    SETTING_DEFINITIONS.tlsKey.variable,
  ];
  if (("tlsCert" in settings) !== ("tlsKey" in settings)) {
    const path = "tlsCert" in settings ? certVariable : keyVariable;
    const message = `is set alone; set both ${certVariable} and ${keyVariable}, or neither`;
    problems.push(createProblem(path, message));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return settings as unknown as Settings;
}

/** Finds settings that a shared gateway cannot have. */
function findSharingProblems(
  { transport }: Readonly<Record<string, unknown>>,
  { path, auditStream }: { readonly path: string; readonly auditStream: unknown },
): ConfigProblem[] {
  if (transport === "http") {
    const message = "is for clients that start the gateway; over HTTP they share it already";
    return [createProblem(path, message)];
  }
  const message = "needs an audit log in a file: a shared gateway has no standard error";
  return auditStream === undefined ? [] : [createProblem(path, message)];
}

/** Creates the problem of a flag or a variable. */
function createProblem(
  path: string,
  message: string,
  { isSecret = false }: { readonly isSecret?: boolean } = {},
): ConfigProblem {
  // The log redacts the text that follows the name of a secret setting and a colon.
  return isSecret
    ? problemWithoutPosition(`${path} ${message}`)
    : problemWithoutPosition(message, { path });
}
