import { isRecord } from "../../../json.ts";
import type { Peer, Reply } from "../../../jsonrpc/mod.ts";
import { JsonText } from "../../../jsonrpc/mod.ts";
import { RESERVED_META } from "../../../reserved_meta.ts";
import { STATELESS_REVISION } from "../../../revisions.ts";
import { remoteFailureBehind } from "../../remote_failure.ts";
import type { OpenOptions, ServerInfo } from "../codec.ts";
import { fieldsOf, readInfo } from "../server_info.ts";
import { requestHeaders } from "./headers.ts";
import { RequestMeta } from "./request_meta.ts";

/** Asks a server which revisions it speaks, and what it offers. */
export const DISCOVER = "server/discover";

/** HTTP statuses that say nothing of the revision that a server speaks: `initialize` would have them, too. */
const UNRELATED_STATUSES: ReadonlySet<number> = new Set([401, 403, 407, 408, 429]);

/** The answer of a server to the question which revisions it speaks. */
export type Discovery =
  /** It speaks the stateless revision. */
  | { readonly info: ServerInfo; readonly capabilities: Readonly<Record<string, unknown>> }
  /** It does not, as far as its answer shows; a clause whose subject is the server. */
  | { readonly info?: undefined; readonly refusal: string };

/**
 * Asks a server which revisions it speaks.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/server/discover}
 * @throws {RemoteFailure} The server cannot be reached, or does not work.
 */
export async function discover(
  peer: Peer,
  { capabilities, version, signal, isHttp }: Pick<
    OpenOptions,
    "capabilities" | "version" | "signal" | "isHttp"
  >,
): Promise<Discovery> {
  const meta = new RequestMeta(capabilities, version).write();
  let reply: Reply;
  try {
    reply = await peer.request(DISCOVER, new JsonText(`{"_meta":${meta}}`), {
      signal,
      headers: isHttp ? requestHeaders(DISCOVER) : undefined,
    });
  } catch (cause) {
    const status = remoteFailureBehind(cause)?.status;
    if (status === undefined || !isRefusal(status)) throw cause;
    return { refusal: `it refused ${DISCOVER} with HTTP ${status}` };
  }
  return readDiscovery(reply);
}

/** Whether a status may be that of a server which does not know the method; some of them answer that they failed. */
function isRefusal(status: number): boolean {
  return status === 500 || status === 501 ||
    (status >= 400 && status < 500 && !UNRELATED_STATUSES.has(status));
}

function readDiscovery(reply: Reply): Discovery {
  if (!reply.ok) {
    const { code, message } = reply.error;
    return { refusal: `it refused ${DISCOVER}: ${message} (error ${code})` };
  }
  const answer = fieldsOf(reply.result.value);
  const { supportedVersions, capabilities, _meta: meta } = answer;
  const speaksIt = Array.isArray(supportedVersions) &&
    supportedVersions.includes(STATELESS_REVISION);
  if (!speaksIt) {
    return { refusal: `it answered ${DISCOVER} without revision ${STATELESS_REVISION}` };
  }
  const serverInfo = fieldsOf(meta)[RESERVED_META.serverInfo] ?? answer.serverInfo;
  const info = {
    revision: STATELESS_REVISION,
    ...readInfo({ ...answer, serverInfo }),
    hasTasks: false,
  };
  return { info, capabilities: isRecord(capabilities) ? capabilities : {} };
}
