import { abbreviateHome, programOf, readContainerRun } from "../../config/mod.ts";
import { onOneLine, plainLines } from "../../text.ts";
import { cutText } from "../terminal.ts";
import { findClearTextSecrets } from "./clear_text_secrets.ts";
import type { JsonRecord } from "./import_entry.ts";
import type { InspectedServer } from "./inspect_servers.ts";

/** Maximum length of a description, in UTF-16 code units. */
const MAX_DESCRIPTION = 200;

/** Verbs of sentences that describe what a server does. */
const VERBS =
  "provides|gives|lets|offers|exposes|enables|allows|helps|supports|reads|manages|searches|fetches|" +
  "connects|stores|remembers|runs|sends|controls|queries|retrieves|integrates|converts|creates|" +
  "analyzes|finds|generates|accesses|automates|returns|browses|tracks|lists|answers";

/** Patterns of sentences that describe a server. */
const DESCRIPTIVE_SENTENCES: readonly RegExp[] = [
  new RegExp(`^(?:[\\w@./'’()-]+ ){0,7}(?:${VERBS}|is (?:an?|the|used)) `, "i"),
  /^(?:[\w@./'’()-]+ ){0,5}(?:server|service|tools|interface|integration|database|API) (?:for|to|that|which) /i,
  /^Use (?:this (?:server|tool)|these tools|it) (?:to|for|when) /,
];

/** A pattern of sentences about the instructions themselves, or about what the model must do. */
const NON_DESCRIPTIVE_SENTENCE =
  /^[\w -]{1,30}:\s|^(?:you|if|when|always|never|do not|don't|please)\b|instruction/i;

/**
 * Describes a server in its own words: by a sentence of its instructions, or else by its title and the
 * folder or address that it works on. Lines of lists are left out, because they may name tools, and
 * agents that may not call these tools can read the description.
 *
 * @param target The folder or address; empty if there is none.
 * @returns `undefined` if the server has neither such a sentence nor a title.
 */
export function suggestDescription(
  { instructions = "", title = "" }: InspectedServer,
  target = "",
): string | undefined {
  const sentences = plainLines(instructions).flatMap((line) => line.split(/(?<=[.!?])\s/));
  const sentence = sentences.find((text) =>
    !NON_DESCRIPTIVE_SENTENCE.test(text) &&
    DESCRIPTIVE_SENTENCES.some((pattern) => pattern.test(text))
  );
  if (sentence !== undefined) return cutText(sentence, MAX_DESCRIPTION);
  const name = onOneLine(title);
  if (name === "") return undefined;
  return cutText(target === "" ? name : `${name} for ${target}`, MAX_DESCRIPTION);
}

/** Maximum length of a folder or address that is shown, in UTF-16 code units. */
const MAX_TARGET = 60;

/** A pattern of paths. */
const PATH = /^(?:~|\.{0,2})[/\\]|^[A-Za-z]:[/\\]/;

/** A pattern of paths of programs; a server does not work on them. */
const PROGRAM =
  /\.(?:[cm]?[jt]sx?|py|jar|sh|rb|exe|dll)$|[/\\](?:node_modules|site-packages|bin)[/\\]/;

/**
 * Returns the folder or address in a server's entry that the server works on, without secrets; empty if
 * there is none.
 *
 * @param home The user's home folder, which is replaced by `~`.
 */
export function targetOf(entry: JsonRecord, home: string): string {
  const { command, url } = entry;
  if (typeof command !== "string") return cutText(shownAddress(url), MAX_TARGET);
  const secretFields = findClearTextSecrets(entry);
  const args = Array.isArray(entry.args) ? entry.args.map(String) : [];
  const container = readContainerRun([command, ...args]);
  const targets = args.flatMap((arg, index) => {
    const value = arg.replace(/^--?[\w-]+=/, "");
    if (/^[a-z][\w+.-]*:\/\//i.test(value)) return [shownAddress(value)];
    if (secretFields.includes(`args[${index}]`)) return [];
    if (!PATH.test(value) || PROGRAM.test(value)) return [];
    // In `docker run -v SOURCE:TARGET`, the source is a folder of this machine.
    return [container === undefined ? value : value.replace(/(?<=^\/|.{2}):.*$/, "")];
  }).map((path) => abbreviateHome(path, home));
  const [first, ...furtherTargets] = new Set(targets);
  const otherTargets = furtherTargets.length > 1
    ? [`${furtherTargets.length} more`]
    : furtherTargets;
  return cutText([first, ...otherTargets].join(" and "), MAX_TARGET);
}

/** Returns only the host and the path of an address. */
function shownAddress(url: unknown): string {
  return programOf({ url }).name;
}
