import type { ClientCapabilities } from "../../downstream/mod.ts";
import { fieldsOf, isRecord } from "../../json.ts";
import { JsonText, type Payload, RPC_CODES, type RpcError, withValue } from "../../jsonrpc/mod.ts";
import { STATELESS_CODES, URL_ELICITATION_REQUIRED } from "../../revisions.ts";
import type { ShownTools } from "../list_tools.ts";
import type { Outcome } from "../operation.ts";
import { withRevisionMembers } from "./revision_members.ts";
import { RESOURCE_NOT_FOUND } from "./item_requests.ts";
import { decoderOf as earlierDecoderOf } from "./operations.ts";
import type { Answer, RequestDecoder } from "./request.ts";
import { encodeTools as encodeEarlierTools } from "./tool_list.ts";

/** Time for which a client may use what servers offer without asking again, in milliseconds: servers may be slow to list. */
const LIST_TTL_MS = 5000;

/** Time for which a client may use the list of the gateway's own tools, in milliseconds: a reload may change it. */
const OWN_TTL_MS = 60_000;

/**
 * The methods of requests that are operations, with the time for which a client may use the result again;
 * `undefined` for results that must not be used again.
 */
const OPERATIONS: ReadonlyMap<string, number | undefined> = new Map([
  ["tools/call", undefined],
  ["resources/list", LIST_TTL_MS],
  ["resources/templates/list", LIST_TTL_MS],
  ["prompts/list", LIST_TTL_MS],
  // Resources change at any time.
  ["resources/read", 0],
  ["prompts/get", undefined],
  ["completion/complete", undefined],
]);

/** The capabilities for the codec of earlier revisions: without any, it encodes no error that asks the client for input. */
const NO_CAPABILITIES: ClientCapabilities = {};

/**
 * Returns the decoder of a method's requests; `undefined` if they are no operations. Requests are as in earlier
 * revisions, results have further members, and errors other codes.
 *
 * @param version The gateway's version.
 */
export function decoderOf(method: string, version: string): RequestDecoder | undefined {
  const decode = OPERATIONS.has(method) ? earlierDecoderOf(method) : undefined;
  if (decode === undefined) return undefined;
  const ttlMs = OPERATIONS.get(method);
  return (request, context) => {
    const operation = decode(request, { ...context, capabilities: NO_CAPABILITIES });
    return {
      ...operation,
      encode: (outcome) => {
        const { capabilities } = context;
        if (outcome.kind === "rpc-error" && isMissingCapability(outcome.error, capabilities)) {
          return { kind: "error", error: outcome.text };
        }
        const answer = operation.encode(outcome);
        const { uri } = fieldsOf(request.params);
        return encodeAnswer(answer, { outcome, version, ttlMs, uri });
      },
    };
  };
}

/** Encodes the answer to `tools/list`. */
export function encodeTools(tools: ShownTools, version: string): Payload {
  const result = encodeEarlierTools(tools);
  const json = result instanceof JsonText ? result.json : JSON.stringify(result);
  const ttlMs = tools.direct === undefined ? OWN_TTL_MS : LIST_TTL_MS;
  return withRevisionMembers(json, { serverResult: undefined, version, ttlMs });
}

function encodeAnswer(
  answer: Answer,
  { outcome, version, ttlMs, uri }: {
    readonly outcome: Outcome;
    readonly version: string;
    readonly ttlMs: number | undefined;
    /** The URI in the request, if it has one. */
    readonly uri: unknown;
  },
): Answer {
  if (answer.kind === "error") return { kind: "error", error: withKnownCode(answer.error, uri) };
  if (answer.kind !== "result" || !(answer.result instanceof JsonText)) return answer;
  const value = outcome.kind === "result" ? outcome.value : undefined;
  return {
    ...answer,
    result: withRevisionMembers(answer.result.json, { serverResult: value, version, ttlMs }),
  };
}

type AnswerError = Extract<Answer, { readonly kind: "error" }>["error"];

/** Replaces the codes that the revision no longer has. The gateway's own error names the resource that is not found. */
function withKnownCode(error: AnswerError, uri: unknown): AnswerError {
  if (!(error instanceof JsonText)) {
    const { code, data } = error;
    const hasUri = code === RESOURCE_NOT_FOUND && isRecord(data);
    return { ...error, code: knownCode(code), ...(hasUri && { data: { ...data, uri } }) };
  }
  const { code } = JSON.parse(error.json);
  const knownErrorCode = knownCode(code);
  if (knownErrorCode === code) return error;
  return new JsonText(
    withValue(error.json, { key: "code", value: String(knownErrorCode) }) ?? error.json,
  );
}

/** Whether a server refuses a request because the client lacks a capability, and not only the gateway's session. */
function isMissingCapability({ code, data }: RpcError, capabilities: ClientCapabilities): boolean {
  if (code !== STATELESS_CODES.missingCapability || !isRecord(data)) return false;
  const { requiredCapabilities } = data;
  return isRecord(requiredCapabilities) &&
    Object.keys(requiredCapabilities).some((name) => !Object.hasOwn(capabilities, name));
}

function knownCode(code: number): number {
  if (code === RESOURCE_NOT_FOUND) return RPC_CODES.invalidParams;
  return code === URL_ELICITATION_REQUIRED ? RPC_CODES.internalError : code;
}
