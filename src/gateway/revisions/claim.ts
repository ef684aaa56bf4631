/** The claims of requests to belong to revision 2026-07-28, which each request of that revision carries. */

import type { ClientCapabilities } from "../../downstream/mod.ts";
import { fieldsOf, isRecord } from "../../json.ts";
import { type IncomingRequest, RPC_CODES, type RpcError } from "../../jsonrpc/mod.ts";
import { RESERVED_META } from "../../reserved_meta.ts";
import { STATELESS_CODES, STATELESS_REVISION } from "../../revisions.ts";
import { LOG_LEVELS } from "../../severity.ts";

/** The client of a request, as the request describes it. */
export interface Claim {
  /** The client's capabilities; equal ones are the same object. */
  readonly capabilities: ClientCapabilities;
  /** The least severity of log messages that the client wants during the request; `undefined` if it wants none. */
  readonly logLevel: string | undefined;
}

/**
 * Decodes what a request with a claim says about its client.
 *
 * @param request The request, whose method the gateway may not know.
 * @returns A JSON-RPC error if the request is no valid request of the revision.
 */
export function decodeClaim(
  { method, params }: Pick<IncomingRequest, "method" | "params">,
  { isKnownMethod }: { readonly isKnownMethod: boolean },
): Claim | RpcError {
  const meta = fieldsOf(fieldsOf(params)._meta);
  const requested = meta[RESERVED_META.protocolVersion];
  if (typeof requested !== "string") return invalidMember("protocolVersion", "a string");
  if (requested !== STATELESS_REVISION) {
    return {
      code: STATELESS_CODES.unsupportedRevision,
      message: "The gateway does not support this revision of MCP in requests without a session",
      data: { supported: [STATELESS_REVISION], requested },
    };
  }
  if (!isKnownMethod) {
    return { code: RPC_CODES.methodNotFound, message: `Method not found: ${method}` };
  }
  const capabilities = meta[RESERVED_META.clientCapabilities];
  if (!isRecord(capabilities)) return invalidMember("clientCapabilities", "an object");
  const logLevel = meta[RESERVED_META.logLevel];
  return {
    capabilities: readCapabilities(capabilities),
    logLevel: LOG_LEVELS.find((known) => known === logLevel),
  };
}

function invalidMember(name: keyof typeof RESERVED_META, expected: string): RpcError {
  const message = `"_meta" must have ${JSON.stringify(RESERVED_META[name])}, ${expected}`;
  return { code: RPC_CODES.invalidParams, message };
}

// By the parts that the client declares. There are few, because only known parts are read.
const knownCapabilities = new Map<number, ClientCapabilities>();

/**
 * Reads the capabilities of one request. Equal capabilities are the same object, however they are written, so that servers
 * need only one session for them. Members without a meaning outside of sessions are left out.
 */
function readCapabilities(
  { elicitation, sampling, roots }: Readonly<Record<string, unknown>>,
): ClientCapabilities {
  const canElicit = isRecord(elicitation);
  const hasUrl = canElicit && isRecord(elicitation.url);
  // A client that names no mode has forms.
  const hasForm = canElicit && (isRecord(elicitation.form) || !hasUrl);
  const canSample = isRecord(sampling);
  const hasTools = canSample && isRecord(sampling.tools);
  const hasRoots = isRecord(roots);
  const key = [hasUrl, hasForm, canSample, hasTools, hasRoots]
    .reduce((bits, isDeclared) => 2 * bits + Number(isDeclared), 0);
  let capabilities = knownCapabilities.get(key);
  if (capabilities === undefined) {
    capabilities = {
      ...(canElicit &&
        { elicitation: { ...(hasForm && { form: {} }), ...(hasUrl && { url: {} }) } }),
      ...(hasRoots && { roots: {} }),
      ...(canSample && { sampling: hasTools ? { tools: {} } : {} }),
    };
    knownCapabilities.set(key, capabilities);
  }
  return capabilities;
}
