import type { InspectedServer } from "./allowed_tools.ts";

/** Longest description that is written, in UTF-16 code units. */
const MAX_DESCRIPTION = 200;

/** Verbs with which sentences say what a server does. */
const VERBS = [
  ...["provides", "gives", "lets", "offers", "exposes", "enables", "allows", "helps", "supports"],
  ...[
    "reads",
    "manages",
    "searches",
    "fetches",
    "connects",
    "stores",
    "remembers",
    "runs",
    "sends",
  ],
  ...["controls", "queries", "retrieves", "integrates", "converts", "creates", "analyzes", "finds"],
  ...["generates", "accesses", "automates", "returns", "browses", "tracks", "lists", "answers"],
].join("|");

/** Sentences that say what a server is or does. */
const DESCRIBING: readonly RegExp[] = [
  new RegExp(`^(?:[\\w@./'’()-]+ ){0,7}(?:${VERBS}|is (?:an?|the|used)) `, "i"),
  /^(?:[\w@./'’()-]+ ){0,5}(?:server|service|tools|interface|integration|database|API) (?:for|to|that|which) /i,
  /^Use (?:this (?:server|tool)|these tools|it) (?:to|for|when) /,
];

/** Sentences about the text itself, or about what the model must do. */
const NOT_DESCRIBING =
  /^[\w -]{1,30}:\s|^(?:you|if|when|always|never|do not|don't|please)\b|instruction/i;

/**
 * Returns what a server is good for, in its own words: a sentence of its instructions that says so,
 * else its title with the folder or address that it works on. Names no tools: an agent may read this
 * that may not call them.
 *
 * @param place The folder or address; empty if there is none.
 * @returns undefined if nothing is known.
 */
export function describeServer(
  { instructions = "", title = "" }: InspectedServer,
  place = "",
): string | undefined {
  const sentences = instructions.split(/\r?\n/).map(plainText)
    .filter((line) => !/^[#*>|`-]/.test(line))
    .flatMap((line) => line.split(/(?<=[.!?])\s/));
  const said = sentences.find((text) =>
    !NOT_DESCRIBING.test(text) && DESCRIBING.some((pattern) => pattern.test(text))
  );
  if (said !== undefined) return clip(said);
  const name = plainText(title);
  if (name === "") return undefined;
  return clip(place === "" ? name : `${name} for ${place}`);
}

/** A text in one line, without control characters and those that are not seen. */
function plainText(text: string): string {
  return text.replace(/[\p{C}\p{Z}]+/gu, " ").trim();
}

function clip(text: string): string {
  if (text.length <= MAX_DESCRIPTION) return text;
  // Not half of a character.
  return `${text.slice(0, MAX_DESCRIPTION - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
