import type { ServerTools } from "./finding_queries.ts";

/** The usual constants of BM25. */
const BM25 = { k1: 1.2, b: 0.75 };

/** Number of tools in an answer. */
const MAX_TOOLS = 8;

/**
 * Creates a plain full text search for comparison: BM25 over the words of name, title, description, parameters and
 * server, without fields, stems, synonyms or the correction of typos.
 *
 * @returns A function that returns the best tools for a query, as `server/tool`.
 */
export function createPlainSearch(servers: readonly ServerTools[]): (query: string) => string[] {
  const documents = servers.flatMap(({ server, tools }) =>
    tools.map(({ name, definition: { title, description, inputSchema } }) => {
      const { properties = {} } = inputSchema as { properties?: Record<string, unknown> };
      const parameters = Object.entries(properties).map(([parameter, schema]) => {
        return `${parameter} ${(schema as { description?: string }).description ?? ""}`;
      });
      const words = wordsOf([server, name, title, description, ...parameters].join(" "));
      const counts = new Map<string, number>();
      for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
      return { id: `${server}/${name}`, counts, length: words.length };
    })
  );
  const meanLength = documents.reduce((sum, { length }) => sum + length, 0) / documents.length;
  return (query) => {
    const scores = new Map<string, number>();
    for (const word of new Set(wordsOf(query))) {
      const matching = documents.filter(({ counts }) => counts.has(word));
      const rarity = Math.log(
        1 + (documents.length - matching.length + 0.5) / (matching.length + 0.5),
      );
      for (const { id, counts, length } of matching) {
        const count = counts.get(word) ?? 0;
        const k = BM25.k1 * (1 - BM25.b + BM25.b * length / meanLength);
        scores.set(id, (scores.get(id) ?? 0) + rarity * count * (BM25.k1 + 1) / (count + k));
      }
    }
    return [...scores].sort(([, one], [, two]) => two - one).slice(0, MAX_TOOLS).map(([id]) => id);
  };
}

function wordsOf(text: string): string[] {
  return text.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase().match(/[a-z0-9]+/g) ?? [];
}
