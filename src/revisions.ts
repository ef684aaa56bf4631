/**
 * The supported revisions of MCP, for clients and servers, and the codes of errors that they define. A leaf: imports nothing of the project.
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

/** The JSON-RPC codes of errors that only the revision without sessions has. */
export const STATELESS_CODES = {
  /** HTTP headers are missing, malformed or unlike the body. */
  headerMismatch: -32020,
  /** The request needs a capability that its client has not declared. */
  missingCapability: -32021,
  /** The request is of a revision that is not supported. */
  unsupportedRevision: -32022,
} as const;

/** The JSON-RPC code with which servers of earlier revisions ask for links to be opened. */
export const URL_ELICITATION_REQUIRED: number = -32042;
