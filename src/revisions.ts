/**
 * The revisions of MCP that are spoken, with clients and with servers. A leaf: imports nothing of the
 * project.
 *
 * @module
 */

/** The newest first. */
export const REVISIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const;
