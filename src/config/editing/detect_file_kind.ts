import { parseDocument } from "../document.ts";
import { isObject } from "../json_value.ts";
import { findForeignFormat } from "../other_clients.ts";

/** Top-level keys of the two files, to recognize a text that cannot be parsed. */
const FIRST_KEY = /"(?:(mcpServers|servers|context_servers)|(agents|defaults|auth))"\s*:/;

/** Recognizes one of the two files by its text, valid or not; undefined if it may be either. */
export function detectFileKind(text: string): "servers" | "rules" | undefined {
  const { document } = parseDocument("", text);
  if (document === undefined) {
    const [, servers, rules] = FIRST_KEY.exec(text) ?? [];
    if (servers !== undefined) return "servers";
    return rules === undefined ? undefined : "rules";
  }
  const { value } = document;
  if (!isObject(value)) return undefined;
  if ("mcpServers" in value) return "servers";
  if (["agents", "defaults", "auth"].some((key) => key in value)) return "rules";
  return findForeignFormat(document) === undefined ? undefined : "servers";
}
