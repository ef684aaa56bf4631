/**
 * Finds tools by a query: full text search over the definitions that servers list, with stems, synonyms and the
 * correction of typos. Needs no model and no network, and keeps no query. Pure: callers say which tools an agent may
 * call, and the others affect nothing. Loaded for the first query, not at the start. Imports `downstream`'s types and
 * the leaves.
 *
 * @module
 */
export { type DescribedServer, indexTools, ToolIndex } from "./index.ts";
export { MAX_QUERY_LENGTH } from "./query.ts";
export { type FoundTool, rankTools, type Scope } from "./rank.ts";
export { Vocabulary } from "./spelling.ts";
