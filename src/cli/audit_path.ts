import { getStateFilePath, readSettings } from "../config/mod.ts";

/**
 * Returns the path of the audit log that the gateway writes if it cannot write the configured log: a file
 * in the user's state folder.
 */
export function auditFallback(): string {
  return getStateFilePath(Deno.env, "audit.jsonl");
}

/**
 * Returns the paths at which the audit log may be: the file that the command line names, or else the
 * configured log and the fallback.
 *
 * @throws {ConfigError} if a variable has an invalid value.
 */
export function auditPaths(file: string | undefined): string[] {
  if (file !== undefined) return [file];
  return [...new Set([readSettings({}, Deno.env).auditLog, auditFallback()])];
}
