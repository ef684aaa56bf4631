import { homeFolder, readSettings } from "../config/mod.ts";

/** Where the audit log goes when its own place cannot be written: the user's state folder. */
export function auditFallback(): string {
  const home = homeFolder(Deno.env) ?? ".";
  const state = Deno.build.os === "windows"
    ? Deno.env.get("LOCALAPPDATA") ?? `${home}/AppData/Local`
    : Deno.env.get("XDG_STATE_HOME") ?? `${home}/.local/state`;
  return `${state}/agent-mcp-gateway/audit.jsonl`;
}

/**
 * Where the audit log may be, the likeliest place first: the file that was named, or those that the
 * gateway would write to.
 *
 * @throws {ConfigError} A variable has a bad value.
 */
export function auditPlaces(file: string | undefined): string[] {
  return file === undefined ? [readSettings({}, Deno.env).auditLog, auditFallback()] : [file];
}
