import { encode } from "gpt-tokenizer/encoding/o200k_base";
import {
  copyTools,
  createFinder,
  gatewayDefinitions,
  type LabelledQuery,
  QUERY_KINDS,
  type QueryAnswer,
  readQueries,
  readServers,
  type ServerTools,
} from "./finding_queries.ts";
import { createPlainSearch } from "./plain_bm25.ts";
import { type Figures, summarize } from "./summary.ts";

/** The sets of queries: the ranking was chosen on the first one only. */
const QUERY_SETS = { "chosen_on": "chosen on", "held_back": "held back" } as const;

/** Number of copies of each tool, for the time of a query: 2,320 tools. */
const COPIES = 16;

/** The result of a query. */
export interface Result {
  readonly kind: LabelledQuery["kind"];
  /** Rank of the first right tool in the answer, from 1; `undefined` if the answer has none. */
  readonly rank: number | undefined;
  /** Tokens of the answer; `undefined` if there is no answer of a gateway. */
  readonly tokens?: number;
  /**
   * Tokens of a session that finds the right tool: the gateway's definitions, the query, the full definition of the
   * tool, and a call without arguments; `undefined` if the answer has no right tool.
   */
  readonly sessionTokens?: number | undefined;
}

/** Figures of a list of results. */
export interface Scores {
  readonly count: number;
  /** Share of the queries with a right tool among the first 1, 3, 5 and 8 of the answer. */
  readonly recall: Readonly<Record<1 | 3 | 5 | 8, number>>;
  /** Mean of 1 / rank, of 0 for a query without a right tool. */
  readonly meanReciprocalRank: number;
  /** Median of the tokens of an answer. */
  readonly medianTokens: number;
}

/** Computes the figures of a list of results. */
export function scoreResults(results: readonly Result[]): Scores {
  const share = (isGood: (result: Result) => boolean) =>
    results.filter(isGood).length / results.length;
  const recallAt = (limit: number) => share(({ rank = Infinity }) => rank <= limit);
  const reciprocals = results.map(({ rank }) => rank === undefined ? 0 : 1 / rank);
  return {
    count: results.length,
    recall: { 1: recallAt(1), 3: recallAt(3), 5: recallAt(5), 8: recallAt(8) },
    meanReciprocalRank: reciprocals.reduce((sum, value) => sum + value, 0) / results.length,
    medianTokens: summarize(results.flatMap(({ tokens }) => tokens ?? [])).median,
  };
}

/** Answers queries as the gateway does, and returns the results. */
export async function answerQueries(
  queries: readonly LabelledQuery[],
  servers: readonly ServerTools[],
): Promise<Result[]> {
  const find = createFinder(servers);
  const results: Result[] = [];
  for (const { query, kind, right } of queries) {
    const text = await find({ query });
    const { tools }: QueryAnswer = JSON.parse(text);
    const ids = tools.map(({ server, name }) => `${server}/${name}`);
    const rank = rankOf(ids, right);
    const found = tools[(rank ?? 0) - 1];
    let sessionTokens: number | undefined;
    if (found !== undefined) {
      const { server, name } = found;
      const request = { server, names: name };
      const call = { server, tool: name, args: {} };
      const texts = [{ query }, request, call].map((args) => JSON.stringify(args));
      sessionTokens = [gatewayDefinitions(), text, await find(request), ...texts]
        .reduce((sum, each) => sum + encode(each).length, 0);
    }
    results.push({ kind, rank, tokens: encode(text).length, sessionTokens });
  }
  return results;
}

function rankOf(ids: readonly string[], right: readonly string[]): number | undefined {
  const index = ids.findIndex((id) => right.includes(id));
  return index < 0 ? undefined : index + 1;
}

/**
 * Measures how well queries find tools, and how long they take.
 *
 * @returns A table of the figures by kind of query, beside those of a plain search.
 */
export async function measureFinding(rounds: number, figures: Figures): Promise<string> {
  const servers = readServers();
  const plainSearch = createPlainSearch(servers);
  const lines = [
    "| queries | kind | number | recall@1 | @3 | @5 | @8 | MRR | tokens | plain BM25: @1 | @3 | @5 | @8 | MRR |",
    "|---------|------|--------|----------|----|----|----|-----|--------|----------------|----|----|----|-----|",
  ];
  for (const [name, title] of Object.entries(QUERY_SETS)) {
    const queries = readQueries(name);
    if (queries.length === 0) continue;
    const results = await answerQueries(queries, servers);
    const plainResults = queries.map(({ query, kind, right }) => {
      return { kind, rank: rankOf(plainSearch(query), right) };
    });
    for (const kind of [...QUERY_KINDS, "all"]) {
      const isOfKind = (result: Result) => kind === "all" || result.kind === kind;
      const scores = scoreResults(results.filter(isOfKind));
      const plain = scoreResults(plainResults.filter(isOfKind));
      const cells = [title, kind, scores.count, ...formatScores(scores), scores.medianTokens];
      lines.push(`| ${[...cells, ...formatScores(plain)].join(" | ")} |`);
      const figure = `finding, ${title}, ${kind}`;
      figures.addValue(`${figure}: recall@5`, "source", "", scores.recall[5]);
      figures.addValue(`${figure}: recall@5`, "plain BM25", "", plain.recall[5]);
    }
    for (const { kind, tokens = NaN, sessionTokens } of results) {
      figures.addValue(`finding, ${title}: size of an answer`, "source", "tokens", tokens);
      if (kind !== "task" || sessionTokens === undefined) continue;
      const figure = `finding, ${title}: session with a task`;
      figures.addValue(figure, "source", "tokens", sessionTokens);
    }
  }
  await measureTime(servers, rounds, figures);
  return lines.join("\n");
}

function formatScores({ recall, meanReciprocalRank }: Scores): string[] {
  return [recall[1], recall[3], recall[5], recall[8], meanReciprocalRank]
    .map((value) => value.toFixed(3));
}

async function measureTime(
  servers: readonly ServerTools[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  const manyServers = copyTools(servers, COPIES);
  const count = manyServers.reduce((sum, { tools }) => sum + tools.length, 0);
  const queries = readQueries("chosen_on");
  const find = createFinder(manyServers);
  const startMs = performance.now();
  await find({ query: "first query" });
  const program = "source";
  const title = `finding among ${count.toLocaleString("en")} tools`;
  figures.addValue(`${title}: first query`, program, "ms", performance.now() - startMs);
  for (let round = -1; round < rounds; round++) {
    const roundStartMs = performance.now();
    for (const { query } of queries) await find({ query });
    const queryMs = (performance.now() - roundStartMs) / queries.length;
    // The first round warms up.
    if (round >= 0) figures.addValue(`${title}: a query`, program, "ms", queryMs);
  }
}
