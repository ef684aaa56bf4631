/**
 * The supported revisions of MCP, for clients and servers. A leaf: imports nothing of the project.
 *
 * @module
 */

/** The supported revisions in which a session begins with `initialize`, newest first. */
export const REVISIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const;

/**
 * The only revision that has batches of messages.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-03-26/basic#batching}
 */
export const REVISION_WITH_BATCHES = "2025-03-26";

/** The revision without sessions: each request of a client says everything about it. */
export const STATELESS_REVISION = "2026-07-28";
