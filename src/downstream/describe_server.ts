import { onOneLine, plainLines, shortenText } from "../text.ts";
import type { RememberedInfo } from "./remembered/mod.ts";
import type { ServerInfo } from "./revisions/mod.ts";

/** Maximum length of a description, in UTF-16 code units. */
const MAX_LENGTH = 200;

/**
 * Describes a server in its own words: by the first sentence of its instructions, or else by its title.
 *
 * @returns One line without control characters; `undefined` if the server has neither.
 */
export function describeServer({ instructions = "", title = "" }: ServerInfo): string | undefined {
  const [line = ""] = plainLines(instructions);
  const [sentence = ""] = line.split(/(?<=[.!?])\s/);
  const text = sentence === "" ? onOneLine(title) : sentence;
  if (text === "") return undefined;
  return text.length <= MAX_LENGTH ? text : shortenText(text, MAX_LENGTH - 1);
}

/** Returns the flags of a server's description of itself, and its revision, without its texts. */
export function factsOf(info: ServerInfo): RememberedInfo {
  const { instructions: _instructions, title: _title, name: _name, version: _version, ...facts } =
    info;
  return facts;
}
