import { type Environment, getStateFilePath } from "./environment.ts";
import { isAbsolutePath } from "./file_path.ts";
import type { LocatedFiles } from "./locate.ts";
import { readText } from "./read_text.ts";
import type { Settings } from "./settings.ts";

/** Returns the path of the file with the hashes of trusted files. */
export function getTrustFilePath(env: Environment): string {
  return getStateFilePath(env, "trusted.json");
}

/**
 * Returns the file to check the files of the working folder against; `undefined` if every file is trusted.
 */
export function trustFileFor({ trust }: Settings, env: Environment): string | undefined {
  return trust ? undefined : getTrustFilePath(env);
}

/** Returns the hash by which a text is trusted: SHA-256, in hexadecimal. */
export async function hashText(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}

/**
 * Reads the hashes of the trusted files by their absolute paths. A missing or damaged file means that
 * nothing is trusted. So does a relative path, because it would be in the working folder itself.
 */
export function readTrustedHashes(trustFile: string): Record<string, unknown> {
  if (!isAbsolutePath(trustFile)) return {};
  const read = readText(trustFile);
  if ("failure" in read) return {};
  try {
    const value: unknown = JSON.parse(read.text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** Whether one of the files was found in the working folder, which may be a stranger's repository. */
export function needsTrust({ mcpConfig, rules }: LocatedFiles): boolean {
  return mcpConfig.origin === "folder" || rules.origin === "folder";
}
