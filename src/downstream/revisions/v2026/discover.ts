import { type Fields, fieldsOf, isRecord } from "../../../json.ts";
import { AnswerTooLong, JsonText, type Peer, type Reply } from "../../../jsonrpc/mod.ts";
import { RESERVED_META } from "../../../reserved_meta.ts";
import { STATELESS_CODES, STATELESS_REVISION } from "../../../revisions.ts";
import { RemoteFailure } from "../../remote_failure.ts";
import type { OpenServerOptions, ServerInfo } from "../codec.ts";
import { readInfo } from "../server_info.ts";
import { requestHeaders } from "./headers.ts";
import { RequestMeta } from "./request_meta.ts";

/** Asks a server which revisions it speaks, and what it offers. */
export const DISCOVER = "server/discover";

/** HTTP statuses that say nothing about the revision of a server: `initialize` would get them, too. */
const UNRELATED_STATUSES: ReadonlySet<number> = new Set([401, 407, 408, 429, 502, 503, 504]);

/** A server that speaks the stateless revision. */
export interface FoundStateless {
  /** The server's description of itself. */
  readonly info: ServerInfo;
  /** Its capabilities. */
  readonly capabilities: Fields;
}

/** The answer of a server to the question which revisions it speaks. */
export type Discovery =
  | FoundStateless
  /** The server does not seem to speak the stateless revision; the refusal is a clause whose subject is the server. */
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
    OpenServerOptions,
    "capabilities" | "version" | "signal" | "isHttp"
  >,
): Promise<Discovery> {
  const meta = new RequestMeta(capabilities, version).write();
  const ask = (): Promise<Reply> =>
    peer.request(DISCOVER, new JsonText(`{"_meta":${meta}}`), {
      signal,
      headers: isHttp ? requestHeaders(DISCOVER) : undefined,
    });
  try {
    const reply = await ask();
    // While a server is being replaced, it may refuse the revision in an answer that lists it as supported.
    return readDiscovery(refusesSupportedRevision(reply) ? await ask() : reply);
  } catch (cause) {
    const refusal = describeRefusal(cause);
    if (refusal === undefined) throw cause;
    return { refusal };
  }
}

function refusesSupportedRevision(reply: Reply): boolean {
  if (reply.ok || reply.error.code !== STATELESS_CODES.unsupportedRevision) return false;
  const { supported } = fieldsOf(reply.error.data);
  return Array.isArray(supported) && supported.includes(STATELESS_REVISION);
}

/**
 * Describes a failure that the question may have caused: some servers fail, break off or answer without end if they do
 * not know a request. `initialize` then shows whether the server works.
 */
function describeRefusal(cause: unknown): string | undefined {
  if (cause instanceof AnswerTooLong) return `it answered ${DISCOVER} with more than it may`;
  if (!(cause instanceof RemoteFailure)) return undefined;
  const { reach, isBusy, status = 0, message } = cause;
  const isUnrelated = reach === "never" || isBusy || UNRELATED_STATUSES.has(status);
  return isUnrelated ? undefined : `it did not answer ${DISCOVER}: ${message}`;
}

function readDiscovery(reply: Reply): Discovery {
  if (!reply.ok) {
    const { code, message } = reply.error;
    return { refusal: `it refused ${DISCOVER}: ${message} (error ${code})` };
  }
  const answer = fieldsOf(reply.result.value);
  const { supportedVersions, capabilities, _meta: meta } = answer;
  const isStateless = Array.isArray(supportedVersions) &&
    supportedVersions.includes(STATELESS_REVISION);
  if (!isStateless) {
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
