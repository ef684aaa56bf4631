import { sha256 } from "../sha256.ts";
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
 * Returns the path of the file with the hashes if the files of the working folder must be trusted to be used;
 * `undefined` if every file is trusted.
 */
export function trustFileFor({ trust }: Settings, env: Environment): string | undefined {
  return trust ? undefined : getTrustFilePath(env);
}

/** Returns the hash by which a text is trusted: SHA-256, in hexadecimal. */
export async function hashText(text: string): Promise<string> {
  return await sha256(text);
}

/**
 * Reads the hashes of the trusted files by their absolute paths. A missing or damaged file means that
 * nothing is trusted. So does a relative path, because it would be in the working folder itself.
 */
export function readTrustedHashes(trustFile: string): Record<string, unknown> {
  if (!isAbsolutePath(trustFile)) return {};
  const content = readText(trustFile);
  if ("failure" in content) return {};
  try {
    const value: unknown = JSON.parse(content.text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** Describes why a file of the working folder is not used, and what to do; `undefined` if the file is trusted. */
export async function describeMistrust(
  path: string,
  { text, trustFile }: { readonly text: string; readonly trustFile: string },
): Promise<string | undefined> {
  const trustedHash = readTrustedHashes(trustFile)[path];
  if (trustedHash === await hashText(text)) return undefined;
  const reason = trustedHash === undefined
    ? "nobody has trusted it"
    : "it has changed since it was trusted";
  return `this file is in the working folder, and ${reason}, so the gateway does not use it; ` +
    "read it, then run agent-mcp-gateway trust in this folder, or name the file with a flag";
}

/** Whether one of the files was found in the working folder, which may be a repository from somebody else. */
export function needsTrust({ mcpConfig, rules }: LocatedFiles): boolean {
  return mcpConfig.origin === "working-folder" || rules.origin === "working-folder";
}
