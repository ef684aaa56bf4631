import type { Payload } from "../../jsonrpc/mod.ts";
import { STATELESS_REVISION } from "../../revisions.ts";
import { withRevisionMembers } from "./revision_members.ts";
import { describeCapabilities, type Introduction } from "./handshake.ts";

/** Time for which a client may use the description of the gateway, in milliseconds. */
const DISCOVER_TTL_MS = 60_000;

/**
 * Encodes the answer to `server/discover`.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/server/discover}
 */
export function encodeDiscover(introduction: Introduction): Payload {
  const { version, instructions } = introduction;
  const result = {
    // With an earlier revision in the list, a client would send its requests in that revision without a session.
    supportedVersions: [STATELESS_REVISION],
    capabilities: describeCapabilities(introduction),
    instructions,
  };
  const options = { serverResult: undefined, version, ttlMs: DISCOVER_TTL_MS };
  return withRevisionMembers(JSON.stringify(result), options);
}
