/**
 * The supported revisions of MCP, for clients and servers. A leaf: imports nothing of the project.
 *
 * @module
 */

/** The supported revisions, newest first. */
export const REVISIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const;

/**
 * The only revision that has batches of messages.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-03-26/basic#batching}
 */
export const REVISION_WITH_BATCHES = "2025-03-26";
