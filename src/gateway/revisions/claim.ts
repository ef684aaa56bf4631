/** The claims of requests to belong to revision 2026-07-28, which each request of that revision carries. */

import type { ClientCapabilities } from "../../downstream/mod.ts";
import { isRecord } from "../../json.ts";
import { type IncomingRequest, RPC_CODES, type RpcError } from "../../jsonrpc/mod.ts";
import { RESERVED_META } from "../../reserved_meta.ts";
import { STATELESS_REVISION } from "../../revisions.ts";
import { LOG_LEVELS } from "../log_levels.ts";
import { fieldsOf } from "./fields.ts";

/** JSON-RPC code of a request in a revision that the gateway does not support. */
export const UNSUPPORTED_REVISION = -32022;

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
      code: UNSUPPORTED_REVISION,
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

// By their JSON text. There are few, because only known members are read.
const knownCapabilities = new Map<string, ClientCapabilities>();

/**
 * Reads the capabilities of one request. Different spellings of the same capabilities are equal, so that servers need
 * one session for all of them, and members that say nothing without a session are left out.
 */
function readCapabilities(
  { elicitation, sampling, roots }: Readonly<Record<string, unknown>>,
): ClientCapabilities {
  const capabilities: ClientCapabilities = {
    ...(isRecord(elicitation) && { elicitation: readModes(elicitation) }),
    ...(isRecord(roots) && { roots: {} }),
    ...(isRecord(sampling) && { sampling: isRecord(sampling.tools) ? { tools: {} } : {} }),
  };
  const key = JSON.stringify(capabilities);
  const known = knownCapabilities.get(key);
  if (known !== undefined) return known;
  knownCapabilities.set(key, capabilities);
  return capabilities;
}

/** Returns the modes of elicitation; a client that names none has forms. */
function readModes(
  elicitation: Readonly<Record<string, unknown>>,
): NonNullable<ClientCapabilities["elicitation"]> {
  const hasUrl = isRecord(elicitation.url);
  const hasForm = isRecord(elicitation.form) || !hasUrl;
  return { ...(hasForm && { form: {} }), ...(hasUrl && { url: {} }) };
}
