import { startOfText } from "../text.ts";
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
  const [line = ""] = instructions.split(/\r?\n/).map(plainText).filter(isSentence);
  const [sentence = ""] = line.split(/(?<=[.!?])\s/);
  const text = sentence === "" ? plainText(title) : sentence;
  if (text === "") return undefined;
  return text.length <= MAX_LENGTH ? text : `${startOfText(text, MAX_LENGTH - 1)}…`;
}

/** Whether a line is plain text: neither empty nor Markdown, such as a heading or an item of a list. */
function isSentence(line: string): boolean {
  return line !== "" && !/^[#*>|`-]/.test(line);
}

/** Puts a text on one line, without control characters and invisible characters. */
function plainText(text: string): string {
  return text.replace(/[\p{C}\p{Z}]+/gu, " ").trim();
}

/** Returns the flags of a server's description of itself, and its revision, without its texts. */
export function factsOf(info: ServerInfo): RememberedInfo {
  const { instructions: _instructions, title: _title, name: _name, version: _version, ...facts } =
    info;
  return facts;
}
