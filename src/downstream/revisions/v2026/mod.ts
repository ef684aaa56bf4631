/**
 * The server codec of the MCP revision 2026-07-28, one for each session. Imports the codec's types, what all revisions
 * share, `config`, `jsonrpc` and the leaves.
 *
 * @module
 */
import type { Phase } from "../codec.ts";
import { DISCOVER } from "./discover.ts";

export { discover, type Discovery, type FoundStateless } from "./discover.ts";
export { StatelessCodec, type StatelessOptions } from "./stateless_codec.ts";

/** The methods of this revision that have a special role in a connection. */
export const PHASES: Readonly<Record<string, Phase>> = { [DISCOVER]: "probe" };
