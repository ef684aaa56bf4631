import { getStateFilePath, readSettings } from "../config/mod.ts";

/**
 * Path of the audit log that the gateway writes if it cannot write the configured one: a file in the
 * user's state folder.
 */
export function auditFallback(): string {
  return getStateFilePath(Deno.env, "audit.jsonl");
}

/**
 * Paths at which the audit log may be, the likeliest first: the named file, or those that the
 * gateway writes to.
 *
 * @throws {ConfigError} if a variable has an invalid value.
 */
export function auditPaths(file: string | undefined): string[] {
  if (file !== undefined) return [file];
  return [...new Set([readSettings({}, Deno.env).auditLog, auditFallback()])];
}
