import { readSettings, stateFile } from "../config/mod.ts";

/** Where the audit log goes when its own place cannot be written: the user's state folder. */
export function auditFallback(): string {
  return stateFile(Deno.env, "audit.jsonl");
}

/**
 * Where the audit log may be, the likeliest place first: the file that was named, or those that the
 * gateway would write to.
 *
 * @throws {ConfigError} A variable has a bad value.
 */
export function auditPaths(file: string | undefined): string[] {
  if (file !== undefined) return [file];
  return [...new Set([readSettings({}, Deno.env).auditLog, auditFallback()])];
}
