/** The messages of `subscriptions/listen`, a request whose stream carries changes. */

import { fieldsOf, isRecord } from "../../json.ts";
import {
  type IncomingRequest,
  JsonText,
  otherMembers,
  type Payload,
  RPC_CODES,
  type RpcError,
  textAt,
} from "../../jsonrpc/mod.ts";
import { RESERVED_META } from "../../reserved_meta.ts";
import type { ChangingList } from "../offered/mod.ts";
import type { EncodedOutcome, OperationRequest } from "../operation.ts";
import { mergeMeta, serverInfoMember } from "./revision_members.ts";

/** The changes about which a client wants to be notified, or about which it will be. */
export interface ListenedChanges {
  /** The lists. */
  readonly lists: readonly ChangingList[];
  /** The URIs of the resources. */
  readonly uris: readonly string[];
}

/** The members of the request by list. */
const LIST_MEMBERS: Readonly<Record<ChangingList, string>> = {
  tools: "toolsListChanged",
  prompts: "promptsListChanged",
  resources: "resourcesListChanged",
};

/** Maximum number of resources in a request; a client has at most as many subscriptions. */
export const MAX_URIS = 1000;

/** Decodes the request; returns a JSON-RPC error if it is invalid. */
export function decodeListen(params: unknown): ListenedChanges | RpcError {
  const { notifications } = fieldsOf(params);
  if (!isRecord(notifications)) return invalidMember('"notifications" must be an object');
  const { resourceSubscriptions: uris = [] } = notifications;
  const isList = Array.isArray(uris) && uris.length <= MAX_URIS;
  if (!isList || !uris.every((uri) => typeof uri === "string")) {
    const problem =
      `"notifications.resourceSubscriptions" must be a list of at most ${MAX_URIS} URIs`;
    return invalidMember(problem);
  }
  const lists = Object.keys(LIST_MEMBERS) as ChangingList[];
  return {
    lists: lists.filter((list) => notifications[LIST_MEMBERS[list]] === true),
    uris: [...new Set(uris)],
  };
}

function invalidMember(message: string): RpcError {
  return { code: RPC_CODES.invalidParams, message: `subscriptions/listen: ${message}` };
}

/** Whether the client may be notified of the updates of a resource. */
export interface SubscriptionOutcome extends EncodedOutcome {
  /** Whether it may, and the server sends them. */
  readonly isSubscribed: boolean;
}

/** Returns the operation that subscribes to a resource for a stream. */
export function subscriptionFor(
  request: IncomingRequest,
  { uri, unansweredCount, signal }:
    & { readonly uri: string }
    & Pick<OperationRequest, "unansweredCount" | "signal">,
): OperationRequest<SubscriptionOutcome> {
  return {
    name: request.method,
    method: request.method,
    claimedAgent: undefined,
    meta: undefined,
    requestId: JSON.parse(request.id),
    unansweredCount,
    // The request counts as long as its stream is open, not only during the operation.
    memory: 0,
    signal,
    onProgress: undefined,
    decode: () => ({ kind: "subscription", uri }),
    encode: ({ kind }) => ({ isSubscribed: kind === "result" || kind === "gateway-result" }),
  };
}

/** Encodes the parameters of the first message of a stream. */
export function encodeAcknowledged(
  { id }: Pick<IncomingRequest, "id">,
  { lists, uris }: ListenedChanges,
): Payload {
  const members = lists.map((list) => `"${LIST_MEMBERS[list]}":true`);
  if (uris.length > 0) members.push(`"resourceSubscriptions":${JSON.stringify(uris)}`);
  return new JsonText(`{"_meta":{${metaOf(id)}},"notifications":{${members.join(",")}}}`);
}

/** Encodes the parameters of a notification of a changed list. */
export function encodeListChanged({ id }: Pick<IncomingRequest, "id">): Payload {
  return new JsonText(`{"_meta":{${metaOf(id)}}}`);
}

/**
 * Encodes the parameters of a notification of an updated resource.
 *
 * @param params The parameters as the server wrote them.
 */
export function encodeUpdated({ id }: Pick<IncomingRequest, "id">, { json }: JsonText): Payload {
  const meta = mergeMeta(metaOf(id), textAt(json, "_meta"));
  return new JsonText(`{${[`"_meta":${meta}`, ...otherMembers(json, ["_meta"])].join(",")}}`);
}

/** Encodes the result that ends a stream. */
export function encodeListenEnd({ id }: Pick<IncomingRequest, "id">, version: string): Payload {
  const meta = `{${serverInfoMember(version)},${metaOf(id)}}`;
  return new JsonText(`{"resultType":"complete","_meta":${meta}}`);
}

/** Writes the member of `_meta` that names the stream; the id keeps its type. */
function metaOf(id: IncomingRequest["id"]): string {
  return `"${RESERVED_META.subscriptionId}":${id}`;
}
