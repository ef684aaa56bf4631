import { RPC_CODES, type RpcError } from "../../jsonrpc/mod.ts";
import { isRecord } from "../../json.ts";
import { STATELESS_CODES, STATELESS_REVISION } from "../../revisions.ts";

/** Error codes that only revisions after 2025-11-25 have. */
const NEWER_CODES: ReadonlySet<number> = new Set(Object.values(STATELESS_CODES));

const REVISION_PATTERN = /^\d{4}-\d\d-\d\d$/;

/** Maximum number of revisions that a message lists. */
const MAX_LISTED_REVISIONS = 5;

/**
 * Explains that a server speaks only newer revisions of MCP than the gateway, if that is why it refused
 * `initialize`: a server of a revision after 2025-11-25 does not know that method.
 *
 * @param error The error of the server's answer.
 * @returns A clause whose subject is the server; `undefined` if the reason is a different one.
 */
export function describeNewerRevision(error: RpcError): string | undefined {
  const gatewayClause = `this gateway speaks up to ${STATELESS_REVISION}`;
  const supported = readSupportedRevisions(error.data);
  if (supported.length > 0) {
    // A revision that the gateway speaks would be no reason to refuse.
    if (supported.some((revision) => revision <= STATELESS_REVISION)) return undefined;
    const listedRevisions = supported.slice(0, MAX_LISTED_REVISIONS).join(", ");
    return `it speaks only MCP revision ${listedRevisions}, and ${gatewayClause}`;
  }
  if (NEWER_CODES.has(error.code)) {
    return `it speaks only newer MCP revisions, and ${gatewayClause}`;
  }
  if (error.code !== RPC_CODES.methodNotFound) return undefined;
  return "it does not know the method initialize, so it probably speaks only an MCP revision after " +
    `${STATELESS_REVISION}, and ${gatewayClause}`;
}

/** Whether a server that refused `initialize` with an error may speak the stateless revision. */
export function maySpeakStateless({ code, data }: RpcError): boolean {
  const supported = readSupportedRevisions(data);
  if (supported.length > 0) return supported.includes(STATELESS_REVISION);
  return NEWER_CODES.has(code) || code === RPC_CODES.methodNotFound;
}

function readSupportedRevisions(data: unknown): string[] {
  const { supported, supportedVersions }: Record<string, unknown> = isRecord(data) ? data : {};
  const revisionList = supported ?? supportedVersions;
  if (!Array.isArray(revisionList)) return [];
  return revisionList.filter((revision) =>
    typeof revision === "string" && REVISION_PATTERN.test(revision)
  );
}
