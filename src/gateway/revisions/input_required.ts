/** The results of revision 2026-07-28 that ask for input, and the responses of clients. */

import type { InputKind, InputRequest, InputResponse } from "../../downstream/mod.ts";
import { fieldsOf, isRecord } from "../../json.ts";
import {
  type IncomingRequest,
  JsonText,
  Result,
  serializePayload,
  utf8Bytes,
} from "../../jsonrpc/mod.ts";
import { serverInfoMember } from "./revision_members.ts";
import { decodeInputReply, encodeInputRequest } from "./input.ts";

/** Options of a result that asks for input. */
export interface InputRequiredOptions {
  /** The state that the client sends back. */
  readonly state: string;
  /** The gateway's version. */
  readonly version: string;
}

/**
 * Encodes a result that asks for input.
 *
 * @param requests The requests by key.
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr}
 */
export function encodeInputRequired(
  requests: ReadonlyMap<string, InputRequest>,
  { state, version }: InputRequiredOptions,
): JsonText {
  const members = [...requests].map(([key, request]) => {
    const { method, params } = encodeInputRequest(withoutElicitationId(request));
    const paramsMember = params === undefined ? "" : `,"params":${serializePayload(params)}`;
    return `${JSON.stringify(key)}:{"method":${JSON.stringify(method)}${paramsMember}}`;
  });
  const requestsMember = members.length === 0 ? "" : `,"inputRequests":{${members.join(",")}}`;
  const meta = `{${serverInfoMember(version)}}`;
  return new JsonText(
    `{"resultType":"input_required"${requestsMember},"requestState":${
      JSON.stringify(state)
    },"_meta":${meta}}`,
  );
}

/** Returns a request without `elicitationId`, which this revision does not have. */
function withoutElicitationId({ kind, params }: InputRequest): InputRequest {
  if (kind !== "url" || params === undefined) return { kind, params };
  const { elicitationId: _, ...rest } = fieldsOf(JSON.parse(serializePayload(params)));
  return { kind, params: rest };
}

/** Returns the responses in a request as they are, or `undefined` if there are none. */
export function responsesText(request: IncomingRequest): JsonText | undefined {
  const { inputResponses } = fieldsOf(request.params);
  return isRecord(inputResponses) ? request.paramText("inputResponses") : undefined;
}

/** Whether a response in a request declines or cancels what the person was asked for. */
export function declinesInput(request: IncomingRequest): boolean {
  const responses = Object.values(fieldsOf(fieldsOf(request.params).inputResponses));
  return responses.some((response) => isRefusal(fieldsOf(response).action));
}

/** Decodes the response with a key; `undefined` if it is no valid response to a request of that kind. */
export function decodeResponse(
  request: IncomingRequest,
  { key, kind }: { readonly key: string; readonly kind: InputKind },
): InputResponse | undefined {
  const value = fieldsOf(fieldsOf(request.params).inputResponses)[key];
  const text = request.paramText("inputResponses", key);
  if (!isRecord(value) || text === undefined) return undefined;
  const isElicitation = kind === "form" || kind === "url";
  const actions: readonly unknown[] = ["accept", "decline", "cancel"];
  if (isElicitation && !actions.includes(value.action)) return undefined;
  const body = text.json;
  return decodeInputReply(
    { ok: true, result: new Result({ value, body, bytes: utf8Bytes(body) }) },
    kind,
  );
}

function isRefusal(action: unknown): boolean {
  return action === "decline" || action === "cancel";
}
