import type { Tool } from "../../../downstream/mod.ts";
import { countOf, type ToolIndex, toolPositionOf } from "./index.ts";
import { readQuery, type TermGroup } from "./query.ts";
import { splitWords, stemWord } from "./words.ts";

/** Constants of BM25: how slowly further occurrences count less, and how much long definitions count less. */
const BM25 = { k1: 2.5, b: 0.6 };

/** Maximum rarity of a synonym, relative to that of the query's own word. */
const MAX_SYNONYM_RARITY = 0.7;

/** The exponent of the share of the query that a tool has: tools that lack words count less. */
const COVERAGE_EXPONENT = 0.4;

/** Bonus of a tool if the query has all words of its name, relative to its score. */
const NAME_BONUS = 0.4;

/** Maximum number of tools that a query finds. */
const MAX_TOOLS = 8;

/** Maximum number of tools whose names are compared with the query. */
const MAX_CANDIDATES = 32;

/** Minimum score of a tool that a query finds, relative to the best. */
const MIN_SHARE = 0.33;

/** The tools of a server that are searched. */
export interface Scope {
  /** The server's name. */
  readonly server: string;
  /** The index of its tools. */
  readonly index: ToolIndex;
  /** For each tool of the index, 1 if it is searched; the other tools do not affect the result. */
  readonly searched: Uint8Array;
}

/** A tool that a query found. */
export interface FoundTool {
  /** The server's name. */
  readonly server: string;
  /** The tool. */
  readonly tool: Tool;
}

/**
 * Finds the best tools for a query, by BM25 over weighted fields. Words that many of the searched tools have count
 * less.
 *
 * @returns A generator that yields between steps, so that other work can run.
 */
export function* rankTools(query: string, scopes: readonly Scope[]): Generator<void, FoundTool[]> {
  const ranking = new Ranking(scopes);
  yield;
  const groups = readQuery(query, {
    vocabularies: scopes.map(({ index }) => index.vocabulary),
    has: (term) => ranking.count(term) > 0,
  });
  for (const group of groups) {
    yield;
    yield* ranking.addGroup(group);
  }
  yield;
  return ranking.best();
}

/** A scope, and the position of its first tool among the tools of all scopes. */
interface NumberedScope extends Scope {
  readonly start: number;
  /** Whether all tools are searched. */
  readonly isWhole: boolean;
}

class Ranking {
  readonly #scopes: readonly NumberedScope[];
  readonly #searchedCount: number;
  readonly #meanLength: number;
  // By position of the tool: its score, the weights of the groups that it has, and its score for the current group.
  readonly #scores: Float32Array;
  readonly #matched: Float32Array;
  readonly #groupScores: Float32Array;
  // Numbers of searched tools by term.
  readonly #counts = new Map<string, number>();
  // The weights of the terms of all groups.
  readonly #termWeights = new Map<string, number>();
  #weightSum = 0;

  constructor(scopes: readonly Scope[]) {
    let start = 0;
    let searchedCount = 0;
    let length = 0;
    this.#scopes = scopes.map((scope) => {
      const { index: { lengths }, searched } = scope;
      const countBefore = searchedCount;
      for (let at = 0; at < lengths.length; at++) {
        if (searched[at] !== 1) continue;
        searchedCount += 1;
        length += lengths[at] ?? 0;
      }
      const isWhole = searchedCount - countBefore === lengths.length;
      const numbered = { ...scope, start, isWhole };
      start += lengths.length;
      return numbered;
    });
    this.#searchedCount = searchedCount;
    this.#meanLength = length / Math.max(1, searchedCount);
    this.#scores = new Float32Array(start);
    this.#matched = new Float32Array(start);
    this.#groupScores = new Float32Array(start);
  }

  /** Returns the number of searched tools that have a term. */
  count(term: string): number {
    let count = this.#counts.get(term);
    if (count !== undefined) return count;
    count = 0;
    for (const { index, searched, isWhole } of this.#scopes) {
      const entries = index.entriesOf(term);
      if (isWhole) count += entries.length;
      else {
        for (let at = 0; at < entries.length; at++) {
          count += searched[toolPositionOf(entries[at] ?? 0)] ?? 0;
        }
      }
    }
    this.#counts.set(term, count);
    return count;
  }

  /** Adds the scores of a group; of the terms that a tool has, the best counts. */
  *addGroup({ weight, terms }: TermGroup): Generator<void> {
    const [ownTerm = ""] = terms.keys();
    // A rare synonym says no more than the query's own word.
    const maxRarity = this.count(ownTerm) > 0
      ? this.#rarityOf(ownTerm) * MAX_SYNONYM_RARITY
      : Infinity;
    let groupWeight = 0;
    for (const [term, termWeight] of terms) {
      if (this.count(term) === 0) continue;
      this.#termWeights.set(term, Math.max(termWeight, this.#termWeights.get(term) ?? 0));
      const rarity = this.#rarityOf(term);
      const score = termWeight * (term === ownTerm ? rarity : Math.min(rarity, maxRarity));
      groupWeight = Math.max(groupWeight, score);
      for (const scope of this.#scopes) this.#scoreTerm(term, score, scope);
      yield;
    }
    this.#weightSum += weight * groupWeight;
    const [scores, matched, groupScores] = [this.#scores, this.#matched, this.#groupScores];
    for (let at = 0; at < groupScores.length; at++) {
      const score = groupScores[at] ?? 0;
      if (score === 0) continue;
      scores[at] = (scores[at] ?? 0) + weight * score;
      matched[at] = (matched[at] ?? 0) + weight * Math.min(score, groupWeight);
      groupScores[at] = 0;
    }
  }

  #scoreTerm(term: string, weight: number, { index, searched, start }: NumberedScope): void {
    const { k1, b } = BM25;
    const groupScores = this.#groupScores;
    const entries = index.entriesOf(term);
    for (let at = 0; at < entries.length; at++) {
      const entry = entries[at] ?? 0;
      const position = toolPositionOf(entry);
      if (searched[position] !== 1) continue;
      const count = countOf(entry);
      const length = (index.lengths[position] ?? 0) / this.#meanLength;
      const score = weight * count * (k1 + 1) / (count + k1 * (1 - b + b * length));
      if (score > (groupScores[start + position] ?? 0)) groupScores[start + position] = score;
    }
  }

  /** Returns how much a term says: the inverse document frequency of BM25. */
  #rarityOf(term: string): number {
    const count = this.count(term);
    return Math.log(1 + (this.#searchedCount - count + 0.5) / (count + 0.5));
  }

  /** Returns the best tools; of tools with equal scores, those of earlier servers come first. */
  best(): FoundTool[] {
    const scores = this.#scores;
    let bestScore = 0;
    for (let at = 0; at < scores.length; at++) {
      const score = scores[at] ?? 0;
      if (score === 0) continue;
      const coverage = (this.#matched[at] ?? 0) / this.#weightSum;
      scores[at] = score * coverage ** COVERAGE_EXPONENT;
      bestScore = Math.max(bestScore, scores[at] ?? 0);
    }
    // A bonus cannot lift the other tools above the minimum.
    const minScore = bestScore * MIN_SHARE / (1 + NAME_BONUS);
    const candidates: (FoundTool & { readonly score: number })[] = [];
    for (const { server, index: { tools }, start } of this.#scopes) {
      for (const [position, tool] of tools.entries()) {
        const score = scores[start + position] ?? 0;
        if (score > 0 && score >= minScore) candidates.push({ server, tool, score });
      }
    }
    candidates.sort((one, two) => two.score - one.score);
    const rankedTools = candidates.slice(0, MAX_CANDIDATES).map(({ server, tool, score }) => {
      return { server, tool, score: score * (1 + NAME_BONUS * this.#nameShare(tool.name)) };
    });
    rankedTools.sort((one, two) => two.score - one.score);
    const minFoundScore = (rankedTools[0]?.score ?? 0) * MIN_SHARE;
    return rankedTools.slice(0, MAX_TOOLS).filter(({ score }) => score >= minFoundScore);
  }

  /** Returns the share of a name that the query has, from 0 to 1; its rare words count more. */
  #nameShare(name: string): number {
    let sum = 0;
    let matched = 0;
    for (const stem of new Set(splitWords(name).map(stemWord))) {
      const rarity = this.#rarityOf(stem);
      sum += rarity;
      matched += rarity * (this.#termWeights.get(stem) ?? 0);
    }
    return sum === 0 ? 0 : matched / sum;
  }
}
