import type { Tool } from "../../../downstream/mod.ts";
import { isRecord } from "../../../json.ts";
import { findTerms } from "./concepts.ts";
import { Vocabulary } from "./spelling.ts";
import { splitWords, stemWord } from "./words.ts";

/** Weights of a word by the field that has it. */
const FIELD_WEIGHTS = {
  name: 4,
  title: 2,
  firstSentence: 1.6,
  description: 0.5,
  parameter: 0.6,
  parameterDescription: 0.25,
  server: 0.8,
  serverDescription: 0.4,
};

/** Maximum number of characters of a field that are read; further ones rarely add words that matter. */
const MAX_CHARS = {
  title: 200,
  description: 1500,
  parameter: 128,
  parameterDescription: 160,
  server: 400,
};

/** Maximum number of parameters of a tool that are read. */
const MAX_PARAMETERS = 60;

/** Maximum number of different terms of an index: several times as many as 2,000 tools have. */
const MAX_TERMS = 30_000;

/** Number of steps in which a weighted count of 1 is stored. */
const COUNT_STEPS = 8;

/** Maximum of a stored count, in steps. */
const MAX_COUNT = 255;

/** Memory of a term besides its entries, and of an entry, in bytes. */
const MEMORY = { term: 128, entry: 4, tool: 16 };

const NO_ENTRIES = new Uint32Array();

/** A server's name and description. */
export interface DescribedServer {
  /** The name. */
  readonly name: string;
  /** The description, if its entry has one. */
  readonly description?: string | undefined;
}

/**
 * The terms of a server's tools. Does not depend on agents. An entry of a term is a number: in its upper bits the position
 * of a tool that has the term, in its lower eight bits the weighted count of the term there.
 */
export class ToolIndex {
  /** The tools; entries refer to them by position. */
  readonly tools: readonly Tool[];
  /** For each tool, the sum of the weighted counts of its terms. */
  readonly lengths: Float32Array;
  /** The words of names, titles and first sentences: a typo may be corrected to them. */
  readonly vocabulary: Vocabulary;
  /** Memory of the index, in bytes. */
  readonly memory: number;
  readonly #numbers: ReadonlyMap<string, number>;
  // By number of the term, the position of its first entry. The last element is the number of entries.
  readonly #starts: Uint32Array;
  readonly #entries: Uint32Array;

  /**
   * Creates the index.
   *
   * @param terms The entries of each term.
   */
  constructor(
    terms: ReadonlyMap<string, readonly number[]>,
    { tools, lengths, vocabulary }: Pick<ToolIndex, "tools" | "vocabulary"> & {
      readonly lengths: readonly number[];
    },
  ) {
    this.tools = tools;
    this.lengths = Float32Array.from(lengths);
    this.vocabulary = vocabulary;
    const numbers = new Map<string, number>();
    this.#starts = new Uint32Array(terms.size + 1);
    let entryCount = 0;
    for (const [term, entries] of terms) {
      entryCount += entries.length;
      this.#starts[numbers.size + 1] = entryCount;
      numbers.set(term, numbers.size);
    }
    this.#numbers = numbers;
    this.#entries = new Uint32Array(entryCount);
    let start = 0;
    for (const entries of terms.values()) {
      this.#entries.set(entries, start);
      start += entries.length;
    }
    this.memory = MEMORY.term * (terms.size + vocabulary.size) + MEMORY.entry * entryCount +
      MEMORY.tool * tools.length;
  }

  /** Returns the entries of a term, one for each tool that has it. */
  entriesOf(term: string): Uint32Array {
    const number = this.#numbers.get(term);
    return number === undefined
      ? NO_ENTRIES
      : this.#entries.subarray(this.#starts[number], this.#starts[number + 1]);
  }
}

/** Returns the position of an entry's tool. */
export function toolPositionOf(entry: number): number {
  return entry >>> 8;
}

/** Returns the weighted count of an entry's term in its tool. */
export function countOf(entry: number): number {
  return (entry & MAX_COUNT) / COUNT_STEPS;
}

/**
 * Builds the index of a server's tools.
 *
 * @returns A generator that yields after each tool, so that other work can run.
 */
export function* indexTools(
  tools: readonly Tool[],
  server: DescribedServer,
): Generator<void, ToolIndex> {
  const terms = new Map<string, number[]>();
  const words = new Map<string, string>();
  const lengths: number[] = [];
  for (const [position, tool] of tools.entries()) {
    let length = 0;
    for (const [term, count] of countTerms(tool, server, words)) {
      length += count;
      const steps = Math.min(MAX_COUNT, Math.max(1, Math.round(count * COUNT_STEPS)));
      const entry = position << 8 | steps;
      const entries = terms.get(term);
      if (entries !== undefined) entries.push(entry);
      else if (terms.size < MAX_TERMS) terms.set(term, [entry]);
    }
    lengths.push(length);
    yield;
  }
  return new ToolIndex(terms, { tools, lengths, vocabulary: new Vocabulary(words) });
}

/** Returns the weighted counts of a tool's terms, and adds the words to which typos are corrected. */
function countTerms(
  tool: Tool,
  server: DescribedServer,
  words: Map<string, string>,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { text, weight, isMain = false } of fieldsOf(tool, server)) {
    const fieldWords = splitWords(text);
    const fieldCounts = new Map<string, number>();
    const addTerm = (term: string): void => {
      fieldCounts.set(term, (fieldCounts.get(term) ?? 0) + 1);
    };
    for (const { term, words: termWords } of findTerms(fieldWords)) {
      addTerm(term);
      if (termWords.length > 1) { for (const word of termWords) addTerm(stemWord(word)); }
    }
    for (const [term, count] of fieldCounts) {
      counts.set(term, (counts.get(term) ?? 0) + weight * (1 + Math.log(count)));
    }
    if (!isMain) continue;
    for (const word of fieldWords) {
      if (words.size < MAX_TERMS) words.set(word, stemWord(word));
    }
  }
  return counts;
}

/** A text of a tool. */
interface Field {
  readonly text: string;
  readonly weight: number;
  /** Whether typos are corrected to the words of the text. Default: no. */
  readonly isMain?: boolean;
}

function* fieldsOf({ name, definition }: Tool, server: DescribedServer): Generator<Field> {
  const weights = FIELD_WEIGHTS;
  yield { text: name, weight: weights.name, isMain: true };
  const { annotations, description, inputSchema } = definition;
  const title = definition.title ?? (isRecord(annotations) ? annotations.title : undefined);
  if (typeof title === "string") {
    yield { text: title.slice(0, MAX_CHARS.title), weight: weights.title, isMain: true };
  }
  if (typeof description === "string") {
    const text = description.slice(0, MAX_CHARS.description).trim();
    const end = /[.!?:](?=\s)|\n/.exec(text)?.index ?? text.length;
    yield { text: text.slice(0, end), weight: weights.firstSentence, isMain: true };
    yield { text: text.slice(end), weight: weights.description };
  }
  for (const [parameter, schema] of parametersOf(inputSchema)) {
    yield {
      text: parameter.slice(0, MAX_CHARS.parameter),
      weight: weights.parameter,
      isMain: true,
    };
    if (isRecord(schema) && typeof schema.description === "string") {
      const text = schema.description.slice(0, MAX_CHARS.parameterDescription);
      yield { text, weight: weights.parameterDescription };
    }
  }
  yield { text: server.name, weight: weights.server, isMain: true };
  const { description: serverDescription = "" } = server;
  yield {
    text: serverDescription.slice(0, MAX_CHARS.server),
    weight: weights.serverDescription,
  };
}

function parametersOf(inputSchema: unknown): [name: string, schema: unknown][] {
  if (!isRecord(inputSchema) || !isRecord(inputSchema.properties)) return [];
  return Object.entries(inputSchema.properties).slice(0, MAX_PARAMETERS);
}
