/** Estimates what parsing a text takes, so that no message of another program occupies the gateway. */

import { fnv1a, makeSeed } from "./hash.ts";
import { skipPlain, skipSpace, skipString } from "./scan.ts";

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;

/**
 * Length up to which a text is never too complex, in UTF-16 code units: parsing it takes less than 0.1 s.
 */
const SIMPLE_LENGTH = 256 * 1024;

/** Maximum nesting of objects and arrays in a longer text. */
const MAX_DEPTH = 1000;

/**
 * Maximum estimated time to parse a longer text, in nanoseconds. A list of 100,000 objects with five members each
 * takes 53 ms, and is far longer than anything that a model can use.
 */
const MAX_PARSE_NS = 100_000_000;

/** Time that `JSON.parse` takes for the parts of a text, in nanoseconds (measured with V8 14). */
const PARSE_NS = {
  container: 200,
  comma: 60,
  /** Additional time of a key or a short string where it first occurs: V8 keeps a table of them. */
  newKey: 2500,
  newShortString: 700,
  /** A character that is not in a string. */
  character: 1,
  /** An escape in a string. */
  escape: 15,
} as const;

/** Maximum length of the strings of which V8 keeps a table, with their quotes. */
const SHORT_STRING_LENGTH = 12;

/** Number of different hashes of keys and short strings; a prime, so that all bits of a hash count. */
const HASH_COUNT = 1_048_573;

/** Memory of an object or an array, of an element, and of a string without its text, in bytes. */
const CONTAINER_BYTES = 64;
const ELEMENT_BYTES = 16;
const STRING_BYTES = 24;

/** Length up to which the memory of a text is estimated from its length alone, in UTF-16 code units. */
const SMALL_LENGTH = 4 * 1024;

/** Memory of a small text and of the request that it belongs to, as a multiple of its length. */
const SMALL_MEMORY = 24;

/** The time and memory that parsing a text takes. */
export interface ParseCost {
  /** Whether parsing would delay everything else too long, or the text is nested too deeply. */
  readonly isTooComplex: boolean;
  /** The memory that the text and its parsed value take together, in bytes; 0 if the text is too complex. */
  readonly memory: number;
}

/** The cost of a text that must not be parsed. */
const TOO_COMPLEX: ParseCost = { isTooComplex: true, memory: 0 };

/**
 * Whether a text has to be measured before it is parsed. `JSON.parse` takes ten seconds and gigabytes of memory
 * for 64 MiB of brackets; nothing else runs in that time.
 */
export function canBeTooComplex(text: string): boolean {
  return text.length > SIMPLE_LENGTH;
}

/**
 * Estimates the time and memory that parsing a text takes, in one pass.
 *
 * @param text A text, JSON or not.
 * @param isAscii Whether it is ASCII. Other strings may take two bytes for each of their characters.
 */
export function measureParseCost(text: string, isAscii: boolean): ParseCost {
  if (text.length <= SMALL_LENGTH) {
    return { isTooComplex: false, memory: SMALL_MEMORY * text.length };
  }
  const table = canBeTooComplex(text) ? new StringTable() : undefined;
  let memory = (isAscii ? 2 : 4) * text.length;
  // Checked first, because skipping strings below takes as long per escape.
  let parseNs = table === undefined ? 0 : escapeCostNs(text);
  if (parseNs > MAX_PARSE_NS) return TOO_COMPLEX;
  let depth = 0;
  let start = 0;
  while (start < text.length && parseNs <= MAX_PARSE_NS) {
    const at = skipPlain(text, start);
    parseNs += PARSE_NS.character * (at + 1 - start);
    start = at + 1;
    switch (text.charCodeAt(at)) {
      case QUOTE:
        start = skipString(text, at);
        memory += STRING_BYTES;
        if (table !== undefined) parseNs += table.add(text, at, start);
        break;
      case 123: // {
      case 91: // [
        memory += CONTAINER_BYTES;
        parseNs += PARSE_NS.container;
        if (++depth > MAX_DEPTH && table !== undefined) return TOO_COMPLEX;
        break;
      case 125: // }
      case 93: // ]
        depth--;
        break;
      case COMMA:
        memory += ELEMENT_BYTES;
        parseNs += PARSE_NS.comma;
    }
  }
  return parseNs > MAX_PARSE_NS ? TOO_COMPLEX : { isTooComplex: false, memory };
}

/** Returns the time that parsing the escapes of a text takes, or a time above the maximum. */
function escapeCostNs(text: string): number {
  let costNs = 0;
  for (let at = text.indexOf("\\"); at >= 0; at = text.indexOf("\\", at + 2)) {
    costNs += PARSE_NS.escape;
    if (costNs > MAX_PARSE_NS) break;
  }
  return costNs;
}

/** Recognizes the first occurrence of each key and short string, approximately and in little memory. */
class StringTable {
  readonly #hashBits = new Uint8Array(Math.ceil(HASH_COUNT / 8));
  // Random, so that a peer cannot choose strings that all have the same hash.
  readonly #seed = makeSeed();

  /** Adds a string with its quotes; returns the additional time to parse it if it is new, in nanoseconds. */
  add(text: string, start: number, end: number): number {
    const isKey = text.charCodeAt(skipSpace(text, end)) === COLON;
    if (!isKey && end - start > SHORT_STRING_LENGTH) return 0;
    const hash = (fnv1a(text, this.#seed, start, end) >>> 0) % HASH_COUNT;
    const bit = 1 << (hash & 7);
    const byte = this.#hashBits[hash >>> 3] ?? 0;
    if ((byte & bit) !== 0) return 0;
    this.#hashBits[hash >>> 3] = byte | bit;
    return isKey ? PARSE_NS.newKey : PARSE_NS.newShortString;
  }
}
