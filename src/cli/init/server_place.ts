import { programOf, readContainerRun } from "../../config/mod.ts";
import { findClearTextSecrets } from "./clear_text_secrets.ts";
import type { JsonRecord } from "./import_entry.ts";

/** Longest folder or address that is shown, in UTF-16 code units. */
const MAX_LENGTH = 60;

/** A folder or a file, but none that is a program. */
const PATH = /^(?:~|\.{0,2})[/\\]|^[A-Za-z]:[/\\]/;
const PROGRAM =
  /\.(?:[cm]?[jt]sx?|py|jar|sh|rb|exe|dll)$|[/\\](?:node_modules|site-packages|bin)[/\\]/;

/**
 * Returns the folder or address that a server works on, as its entry names it, without secrets;
 * empty if the entry names none.
 *
 * @param home The user's home folder, which is written as `~`.
 */
export function placeOf(entry: JsonRecord, home: string): string {
  const { command, url } = entry;
  if (typeof command !== "string") return clip(programOf({ url }).name);
  const secret = findClearTextSecrets(entry);
  const args = Array.isArray(entry.args) ? entry.args.map(String) : [];
  const container = readContainerRun([command, ...args]);
  const places = args.flatMap((arg, at) => {
    const value = arg.replace(/^--?[\w-]+=/, "");
    // Only the host and the path of an address are shown.
    if (/^[a-z][\w+.-]*:\/\//i.test(value)) return [programOf({ url: value }).name];
    if (secret.includes(`args[${at}]`)) return [];
    if (!PATH.test(value) || PROGRAM.test(value)) return [];
    // `docker run -v SOURCE:TARGET` names a folder of this machine first.
    const path = container === undefined ? value : value.replace(/(?<=.{2}):.*$/, "");
    return [path];
  }).map((path) =>
    home !== "" && /^[/\\]|^$/.test(path.slice(home.length)) && path.startsWith(home)
      ? `~${path.slice(home.length)}`
      : path
  );
  const known = [...new Set(places)];
  return clip(known.length > 2 ? `${known[0]} and ${known.length - 1} more` : known.join(" and "));
}

function clip(text: string): string {
  if (text.length <= MAX_LENGTH) return text;
  return `${text.slice(0, MAX_LENGTH - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
