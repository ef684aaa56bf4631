/**
 * The server codec of the MCP revision 2026-07-28, one for each session. Imports the codec's types, what all revisions
 * share, `config`, `jsonrpc` and the leaves.
 *
 * @module
 */

export { discover, type Discovery, type FoundStateless } from "./discover.ts";
export { StatelessCodec, type StatelessOptions } from "./stateless_codec.ts";
